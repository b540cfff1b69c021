import { setTimeout as delay } from "node:timers/promises"
import type { Answer, EdgeClient } from "./edge-client.ts"
import type { Entry, Ledger } from "./ledger.ts"
import type { RunContext } from "./run-context.ts"

const MIN_POLL_MS = 10
/** By which the time of Redis, as a loaded machine reads it, may be later than ours. */
const SLACK_MS = 2_000
const PATH = "/v1/classifications"

/** What one client does with one job: submits, perhaps cancels, polls as it is told. Whatever it is told goes into the ledger. */
export class JobSession {
  readonly #client: EdgeClient
  readonly #ledger: Ledger
  readonly #entry: Entry
  readonly #deadline: AbortSignal
  readonly #webhookUrl: string
  readonly #resultTtlMs: number
  #etag: string | null = null

  constructor(entry: Entry, client: EdgeClient, { ledger, deadline, stack, options }: RunContext) {
    this.#entry = entry
    this.#client = client
    this.#ledger = ledger
    this.#deadline = deadline
    this.#webhookUrl = stack.receiver.url
    this.#resultTtlMs = options.resultTtlS * 1_000
  }

  /** @throws once the deadline is over */
  async run(): Promise<void> {
    const { spec } = this.#entry
    const first = await this.submit()
    if (first === null || spec.sleeps) return
    if (spec.submitsTwice) await this.submit()
    const cancelAtMs = spec.cancelAfterMs === null ? Number.POSITIVE_INFINITY : performance.now() + spec.cancelAfterMs
    let pollAfterMs = first.pollAfterMs ?? MIN_POLL_MS
    while (this.#entry.final === null) {
      const cancelsFirst = this.#entry.cancel === "never" && cancelAtMs - performance.now() < pollAfterMs
      const waitMs = cancelsFirst ? cancelAtMs - performance.now() : pollAfterMs
      await delay(Math.max(MIN_POLL_MS, waitMs), undefined, { signal: this.#deadline })
      const answer = cancelsFirst ? await this.#cancel() : await this.read()
      if (answer === null) return
      pollAfterMs = answer.pollAfterMs ?? MIN_POLL_MS
    }
  }

  /** Null when it was refused for good, which is noted. */
  async submit(): Promise<Answer | null> {
    const { spec, upload } = this.#entry
    const query = new URLSearchParams({
      ...(spec.webhook && { webhook_url: this.#webhookUrl }),
      ...(spec.deadlineMs !== null && { deadline_ms: String(spec.deadlineMs) }),
    })
    const answer = await this.#client.call({
      method: "POST",
      path: `${PATH}?${query}`,
      caller: spec.caller,
      headers: {
        "content-type": "image/jpeg",
        "idempotency-key": spec.idempotencyKey,
        ...(spec.noCache && { "cache-control": "no-cache" }),
      },
      body: upload.bytes,
    })
    if (answer.ticket === null) return this.#refused("POST", answer)
    this.#note(answer)
    return answer
  }

  /** Null when the ticket is not known, which is noted. */
  async read(): Promise<Answer | null> {
    const { spec, ticketId } = this.#entry
    const conditional = spec.usesETag && this.#etag !== null && this.#entry.final === null
    this.#entry.polls += 1
    const answer = await this.#client.call({
      method: "GET",
      path: `${PATH}/${ticketId}`,
      caller: spec.caller,
      ...(conditional && this.#etag !== null && { headers: { "if-none-match": this.#etag } }),
    })
    if (answer.status === 404) {
      if (this.#mayBeGone()) this.#entry.isGone = true
      else this.#ledger.violate("lost", ticketId, "404 for a ticket that was given out")
      return null
    }
    if (answer.status === 304) return answer
    if (answer.ticket === null) return this.#refused("GET", answer)
    this.#note(answer)
    return answer
  }

  async #cancel(): Promise<Answer | null> {
    const { spec, ticketId } = this.#entry
    this.#entry.cancel = "asked"
    const answer = await this.#client.call({ method: "DELETE", path: `${PATH}/${ticketId}`, caller: spec.caller })
    switch (answer.status) {
      case 200:
        this.#entry.cancel = "told canceled"
        this.#note(answer)
        return answer
      case 409:
        this.#entry.cancel = "told finished"
        return answer
      case 404:
        if (this.#mayBeGone()) this.#entry.isGone = true
        else this.#ledger.violate("lost", ticketId, "404 for the DELETE of a ticket that was given out")
        return null
      default:
        return this.#refused("DELETE", answer)
    }
  }

  /** A ticket that is done lives for a time of its own. The end of one that nobody has seen done may have come at any time. */
  #mayBeGone(): boolean {
    const { final, submittedMs } = this.#entry
    if (final?.finished_at === undefined) return performance.now() - submittedMs > this.#resultTtlMs
    return Date.now() - Date.parse(final.finished_at) > this.#resultTtlMs - SLACK_MS
  }

  #note({ ticket, etag }: Answer): void {
    if (ticket !== null) this.#ledger.see(this.#entry, ticket)
    this.#etag = etag
  }

  #refused(method: string, { status, code }: Answer): null {
    this.#ledger.violate("refused", this.#entry.ticketId, `${method} was answered with ${status} ${code}`)
    return null
  }
}

import { setTimeout as delay } from "node:timers/promises"
import { type BatchTicket, batchTicketSchema } from "../../src/lib/batches/batch-ticket.ts"
import type { PictureServer } from "../../test/support/servers/picture-server.ts"
import type { Answer, EdgeClient } from "./edge-client.ts"
import { describeDifference } from "./ledger.ts"
import type { RunContext } from "./run-context.ts"
import type { Caller } from "./workload.ts"

const JOBS_A_BATCH = 100
const ROWS = 30
const MIN_POLL_MS = 100

/** What its caller was told of one batch. */
export type BatchEntry = { caller: Caller; ticketId: string | null; final: BatchTicket | null; cancels: boolean }

/** Callers that send lists while the others send pictures. */
export class BatchClients {
  readonly entries: BatchEntry[] = []
  readonly #context: RunContext
  readonly #client: EdgeClient
  readonly #pictures: PictureServer

  constructor(context: RunContext, client: EdgeClient, pictures: PictureServer) {
    this.#context = context
    this.#client = client
    this.#pictures = pictures
  }

  /** One list after the other, the next when its share of the jobs is done. @throws once the deadline is over */
  async workOff(callers: readonly Caller[], settledJobs: () => number): Promise<void> {
    const { options, deadline } = this.#context
    const count = Math.ceil(options.jobs / JOBS_A_BATCH)
    const running: Promise<void>[] = []
    for (let number = 0; number < count; number++) {
      while (settledJobs() < (number * options.jobs) / (count + 1)) await delay(20, undefined, { signal: deadline })
      const caller = callers[number % callers.length]
      if (caller !== undefined) running.push(this.#run(number, caller))
    }
    await Promise.all(running)
  }

  /** Reads every batch and its rows once more. */
  async readAll(): Promise<void> {
    for (const entry of this.entries) {
      if (entry.ticketId === null || entry.final === null) continue
      await this.#read(entry)
      await this.#readRows(entry)
    }
  }

  async #run(number: number, caller: Caller): Promise<void> {
    const { stack, options, ledger, deadline, note } = this.#context
    const entry: BatchEntry = { caller, ticketId: null, final: null, cancels: number % 5 === 4 }
    this.entries.push(entry)
    const urls = Array.from({ length: ROWS }, (_none, row) => this.#pictures.urlOf(number * ROWS + row))
    const submit = () =>
      this.#client.call({
        method: "POST",
        path: `/v1/batches?operation=inspect&batch_size=8&webhook_every=10&webhook_url=${encodeURIComponent(stack.receiver.url)}`,
        caller,
        headers: { "content-type": "text/csv", "idempotency-key": `chaos-batch-${options.seed}-${number}` },
        body: new TextEncoder().encode(["url", ...urls].join("\n")),
      })
    let answer = await submit()
    if (answer.status !== 202 && answer.status !== 200) {
      return ledger.violate("refused", null, `batch ${number} was answered with ${answer.status} ${answer.code}`)
    }
    this.#see(entry, answer)
    this.#see(entry, await submit())
    if (entry.cancels) {
      await delay(500, undefined, { signal: deadline })
      const { status } = await this.#client.call({ method: "DELETE", path: `/v1/batches/${entry.ticketId}`, caller })
      if (status !== 200 && status !== 409)
        ledger.violate("refused", entry.ticketId, `DELETE was answered with ${status}`)
    }
    while (entry.final === null) {
      await delay(Math.max(MIN_POLL_MS, answer.pollAfterMs ?? 0), undefined, { signal: deadline })
      answer = await this.#read(entry)
    }
    note("batch", { number, ticket: entry.ticketId, status: entry.final.status })
  }

  async #read(entry: BatchEntry): Promise<Answer> {
    const { caller, ticketId } = entry
    const answer = await this.#client.call({ method: "GET", path: `/v1/batches/${ticketId}`, caller })
    if (answer.status === 404) this.#context.ledger.violate("lost", ticketId, "404 for a batch that was given out")
    else this.#see(entry, answer)
    return answer
  }

  /** Every row has one end, and they are as many as the ticket counts. */
  async #readRows({ caller, ticketId, final }: BatchEntry): Promise<void> {
    const { ledger } = this.#context
    const path = `/v1/batches/${ticketId}/results?format=jsonl`
    const { status, text } = await this.#client.call({ method: "GET", path, caller })
    // Canceled before anything was done: its list is gone, as promised.
    if (status === 410 && final?.status === "canceled" && final.pictures.succeeded === 0) return
    if (status !== 200) return ledger.violate("lost", ticketId, `its rows were answered with ${status}`)
    const counts = { succeeded: 0, failed: 0, canceled: 0 }
    for (const line of text.trim().split("\n")) {
      const { results } = JSON.parse(line) as { results: { status: keyof typeof counts }[] }
      for (const { status: end } of results) counts[end] = (counts[end] ?? 0) + 1
    }
    const { succeeded, failed, canceled } = final?.pictures ?? counts
    const [have, want] = [JSON.stringify(counts), JSON.stringify({ succeeded, failed, canceled })]
    if (have !== want) ledger.violate("changed", ticketId, `its rows are ${have}, and its ticket counts ${want}`)
  }

  #see(entry: BatchEntry, { text }: Answer): void {
    const { ledger } = this.#context
    const ticket = batchTicketSchema.parse(JSON.parse(text))
    entry.ticketId ??= ticket.id
    if (ticket.id !== entry.ticketId) ledger.violate("another ticket", entry.ticketId, `now it is ${ticket.id}`)
    if (entry.final !== null) {
      const difference = describeDifference(entry.final, ticket)
      if (difference !== null) ledger.violate("changed", ticket.id, difference)
    } else if (ticket.done) {
      entry.final = ticket
      const { pictures, status } = ticket
      const ends = pictures.succeeded + pictures.failed + pictures.canceled
      if (ends !== ROWS || pictures.total !== ROWS)
        ledger.violate("stuck", ticket.id, `done with ${JSON.stringify(pictures)}`)
      const isAsExpected = status === "succeeded" || (status === "canceled" && entry.cancels)
      if (!isAsExpected || pictures.failed > 0) ledger.violate("failed", ticket.id, JSON.stringify(ticket.failures))
    }
  }
}

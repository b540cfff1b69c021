import { setTimeout as delay } from "node:timers/promises"
import { EdgeClient } from "./edge-client.ts"
import { JobSession } from "./job-session.ts"
import { learnAnswers } from "./learn-answers.ts"
import type { Entry } from "./ledger.ts"
import { isShortLived } from "./options.ts"
import { drawPictures, stamp } from "./pictures.ts"
import { between, pick, randomFor } from "./random.ts"
import type { RunContext } from "./run-context.ts"
import { type Caller, planJobs } from "./workload.ts"

const PICTURES = 24
/** How long until the next finished ticket is read again. */
const LOOK_BACK_MS = [10, 60] as const
const FINAL_READERS = 32

/** All clients of a run. */
export class Clients {
  /** Jobs whose client is content, or asleep. */
  settled = 0
  readonly #context: RunContext
  readonly client: EdgeClient
  readonly #callers: readonly Caller[]
  readonly #pictures: Uint8Array[]

  constructor(context: RunContext, callers: readonly Caller[]) {
    const { stack, ledger, deadline, options } = context
    this.#context = context
    this.#callers = callers
    this.client = new EdgeClient(stack.edgeUrl, {
      deadline,
      onServerError: (what) => ledger.violate("server error", null, what),
    })
    this.#pictures = drawPictures(options.seed, PICTURES)
  }

  get statuses(): Readonly<Record<number, number>> {
    return this.client.statuses
  }

  async learnAnswers(): Promise<void> {
    const { ledger } = this.#context
    const caller = this.#callers.find(({ token }) => token === null)
    if (caller === undefined) throw new Error("There is no anonymous caller")
    await learnAnswers(this.#pictures, { client: this.client, ledger, caller })
  }

  /** Submits, cancels and polls, so many at a time, until every job is settled. @throws once the deadline is over */
  async workOff(): Promise<void> {
    const { options, ledger, note } = this.#context
    const settled: Entry[] = []
    const maySleep = !isShortLived(options)
    const rest = planJobs({ ...options, pictures: PICTURES, callers: this.#callers, maySleep }).values()
    const work = async () => {
      for (const spec of rest) {
        const entry = ledger.open(spec, stamp(this.#pictures, spec.picture.base, spec.picture.comment))
        await this.#session(entry).run()
        note("settled", { job: spec.number, ticket: entry.ticketId, status: entry.final?.status ?? "asleep" })
        this.settled += 1
        if (entry.final !== null) settled.push(entry)
      }
    }
    const looking = new AbortController()
    const looks = this.#lookBack(settled, looking.signal)
    try {
      await Promise.all(Array.from({ length: options.sessions }, work))
    } finally {
      looking.abort()
      await looks
    }
  }

  /** A ticket that is done says the same whenever it is read, and through whatever happens. */
  async #lookBack(settled: readonly Entry[], signal: AbortSignal): Promise<void> {
    const random = randomFor(this.#context.options.seed, "look back")
    while (!signal.aborted) {
      await delay(between(random, ...LOOK_BACK_MS))
      try {
        if (settled.length > 0) await this.#session(pick(random, settled)).read()
      } catch (error) {
        if (!this.#context.deadline.aborted) throw error
        return
      }
    }
  }

  /** Reads every ticket once more; those that nobody asked for until now, until they are done. */
  async readAll(): Promise<void> {
    const { ledger, deadline, interrupted } = this.#context
    const entries = ledger.entries.filter(({ ticketId }) => ticketId !== null).values()
    const read = async () => {
      for (const entry of entries) {
        for (;;) {
          const wasDone = entry.final !== null
          const answer = await this.#session(entry).read()
          if (answer === null || wasDone) break
          if (entry.final === null) await delay(answer.pollAfterMs ?? 10, undefined, { signal: deadline })
        }
      }
    }
    try {
      await Promise.all(Array.from({ length: FINAL_READERS }, read))
    } catch (error) {
      // What is not done by the deadline is stuck, and the accounting says so.
      if (!deadline.aborted || interrupted.aborted) throw error
    }
  }

  #session(entry: Entry): JobSession {
    return new JobSession(entry, this.client, this.#context)
  }
}

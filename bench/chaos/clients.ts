import { setTimeout as delay } from "node:timers/promises"
import { EdgeClient } from "./edge-client.ts"
import { JobSession } from "./job-session.ts"
import { learnAnswers } from "./learn-answers.ts"
import type { Entry } from "./ledger.ts"
import { drawPictures, stamp } from "./pictures.ts"
import { pick, randomFor } from "./random.ts"
import type { RunContext } from "./run-context.ts"
import { type Caller, planJobs } from "./workload.ts"

const PICTURES = 24
/** How often a client that has its answer looks at an old ticket again. */
const LOOK_BACK = 0.15
const FINAL_READERS = 32

/** All clients of a run. */
export class Clients {
  /** Jobs whose client is content, or asleep. */
  settled = 0
  readonly #context: RunContext
  readonly #client: EdgeClient
  readonly #callers: readonly Caller[]
  readonly #pictures: Uint8Array[]

  constructor(context: RunContext, callers: readonly Caller[]) {
    const { stack, ledger, deadline, options } = context
    this.#context = context
    this.#callers = callers
    this.#client = new EdgeClient(stack.edgeUrl, {
      deadline,
      onServerError: (what) => ledger.violate("server error", null, what),
    })
    this.#pictures = drawPictures(options.seed, PICTURES)
  }

  get statuses(): Readonly<Record<number, number>> {
    return this.#client.statuses
  }

  async learnAnswers(): Promise<void> {
    const { ledger } = this.#context
    const caller = this.#callers.find(({ token }) => token === null)
    if (caller === undefined) throw new Error("There is no anonymous caller")
    await learnAnswers(this.#pictures, { client: this.#client, ledger, caller })
  }

  /** Submits, cancels and polls, so many at a time, until every job is settled. @throws once the deadline is over */
  async workOff(): Promise<void> {
    const { options, ledger, note } = this.#context
    const random = randomFor(options.seed, "look back")
    const settled: Entry[] = []
    const rest = planJobs({ ...options, pictures: PICTURES, callers: this.#callers }).values()
    const work = async () => {
      for (const spec of rest) {
        const entry = ledger.open(spec, stamp(this.#pictures, spec.picture.base, spec.picture.comment))
        await this.#session(entry).run()
        note("settled", { job: spec.number, ticket: entry.ticketId, status: entry.final?.status ?? "asleep" })
        this.settled += 1
        if (entry.final !== null) settled.push(entry)
        if (settled.length > 0 && random() < LOOK_BACK) await this.#session(pick(random, settled)).read()
      }
    }
    await Promise.all(Array.from({ length: options.sessions }, work))
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
    const { ledger, deadline } = this.#context
    return new JobSession(entry, { client: this.#client, ledger, deadline })
  }
}

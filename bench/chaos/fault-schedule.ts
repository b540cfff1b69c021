import { setTimeout as delay } from "node:timers/promises"
import { inject } from "./inject.ts"
import { describeFault, type PlannedFault } from "./plan.ts"
import type { RedisWitness } from "./redis-witness.ts"
import type { RunContext } from "./run-context.ts"

/** Makes the planned faults happen, each when its share of the work is done; they may overlap. */
export class FaultSchedule {
  /** Faults that are over. */
  done = 0
  /** Jobs in the hand of a classifier that was killed, by their attempts at that moment. */
  readonly orphaned = new Map<string, number>()
  readonly #context: RunContext
  readonly #witness: RedisWitness
  readonly #settledJobs: () => number

  constructor(context: RunContext, witness: RedisWitness, settledJobs: () => number) {
    this.#context = context
    this.#witness = witness
    this.#settledJobs = settledJobs
  }

  /** Resolves when the last fault is over. @throws once the deadline is over */
  async run(plan: readonly PlannedFault[]): Promise<void> {
    const { options, deadline } = this.#context
    const running: Promise<void>[] = []
    for (const [i, fault] of plan.entries()) {
      const atJob = Math.min(fault.atJob, options.jobs - 1)
      while (this.#settledJobs() < atJob) await delay(20, undefined, { signal: deadline })
      running.push(this.#inject(fault, i + 1, plan.length))
    }
    await Promise.all(running)
  }

  async #inject(fault: PlannedFault, number: number, count: number): Promise<void> {
    const { stack, ledger, note, say, deadline } = this.#context
    const title = `fault ${number}/${count}: ${describeFault(fault)}`
    say(title)
    note("fault.begins", { ...fault, number })
    try {
      await inject(fault, stack, (pid) => this.#noteOrphans(pid))
      this.done += 1
      note("fault.ends", { number })
    } catch (error) {
      if (!deadline.aborted) ledger.violate("died", null, `${title}: ${String(error)}`)
    }
  }

  async #noteOrphans(pid: number): Promise<void> {
    const { stack, note } = this.#context
    await delay(50)
    // A request of the dead that is still on its way could end a job yet: then nothing can be said.
    if (stack.proxies.classifier.held > 0) return
    try {
      const jobs = await this.#witness.jobsOf(pid)
      for (const { id, attempts } of jobs) this.orphaned.set(id, attempts)
      note("orphans", { pid, jobs: jobs.map(({ id, attempts }) => ({ id, attempts })) })
    } catch (error) {
      note("orphans.unknown", { pid, reason: String(error) }) // Redis is down as well
    }
  }
}

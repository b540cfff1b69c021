import type { Lease } from "../../lib/queue/claim.ts"
import { type ClaimedJob, isSuspect } from "../../lib/queue/job.ts"

type Held = { job: ClaimedJob; sinceMs: number; stop: AbortController; done: Promise<void> }

/** The jobs that this process has claimed and not finished. */
export class ActiveJobs {
  readonly #held = new Map<string, Held>()
  readonly #onChange: () => void

  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  get size(): number {
    return this.#held.size
  }

  /** Jobs whose pictures are fetched from elsewhere. */
  get fetches(): number {
    return [...this.#held.values()].filter(({ job }) => job.payloadId === undefined).length
  }

  /** Whether it holds a job that was tried before, and may take the process down with it. */
  get holdsSuspect(): boolean {
    return [...this.#held.values()].some(({ job }) => isSuspect(job))
  }

  /** The leases of jobs that are held for longer than `ms`. */
  leasesOlderThan(ms: number): Lease[] {
    const beforeMs = performance.now() - ms
    return [...this.#held.values()]
      .filter(({ sinceMs }) => sinceMs <= beforeMs)
      .map(({ job }) => ({ jobId: job.id, token: job.leaseToken }))
  }

  /**
   * Works on a job until `work` settles; it must not reject. A claim that is held already is left to who works on it. Another
   * claim of the same job, as after an outage, means that the held one's lease is lost: it is stopped, and then the new one begins.
   */
  start(job: ClaimedJob, work: (signal: AbortSignal) => Promise<void>): void {
    const before = this.#held.get(job.id)
    if (before?.job.leaseToken === job.leaseToken) return
    before?.stop.abort(new JobStopped("lease_lost"))
    const stop = new AbortController()
    const begin = async () => {
      // Held from now on, so that its lease is renewed while it waits.
      if (before !== undefined) await before.done
      if (!stop.signal.aborted) await work(stop.signal)
    }
    const done = begin().finally(() => {
      if (this.#held.get(job.id)?.stop === stop) this.#held.delete(job.id)
      this.#onChange()
    })
    this.#held.set(job.id, { job, sinceMs: performance.now(), stop, done })
  }

  /** Makes the lane stop at its next stage. */
  stop(jobId: string, why: JobStopped["why"]): void {
    this.#held.get(jobId)?.stop.abort(new JobStopped(why))
  }

  async drained(): Promise<void> {
    while (this.#held.size > 0) await Promise.all([...this.#held.values()].map(({ done }) => done))
  }
}

const STOP_TEXTS = { canceled: "the ticket was canceled", lease_lost: "its lease is lost" }

/** The work has no use any longer: its ticket was canceled, or its lease is lost. */
export class JobStopped extends Error {
  override readonly name = "JobStopped"
  readonly why: keyof typeof STOP_TEXTS

  constructor(why: keyof typeof STOP_TEXTS) {
    super(STOP_TEXTS[why])
    this.why = why
  }
}

import type { WorkerBeat } from "../lib/registry.ts"

/** Weight of the newest sample in the moving averages. */
const ALPHA = 0.1
/** What is told before the first job: about what a small picture takes. */
const FIRST_GUESS_MS = 100

export type JobSample = {
  /** What the lane was busy. */
  laneMs: number
  /** From claim to answer, without the wait for a lane. */
  jobMs: number
  /** By a monotonic clock. */
  endedMs: number
  /** Every lane has something to do until the next job ends. */
  isBacklogged: boolean
}

type Averages = { laneMs: number; jobMs: number; intervalMs?: number }

/** How fast jobs are answered, by model, as exponentially weighted moving averages. */
export class ServiceMeter {
  readonly #byModel = new Map<string, Averages>()
  /** When the last job ended, if all lanes have been busy since. */
  #busySinceMs: number | undefined

  record(model: string, { laneMs, jobMs, endedMs, isBacklogged }: JobSample): void {
    const old = this.#byModel.get(model)
    const intervalMs = this.#busySinceMs === undefined ? undefined : endedMs - this.#busySinceMs
    this.#busySinceMs = isBacklogged ? endedMs : undefined
    const interval = intervalMs === undefined ? old?.intervalMs : average(old?.intervalMs, intervalMs)
    this.#byModel.set(model, {
      laneMs: average(old?.laneMs, laneMs),
      jobMs: average(old?.jobMs, jobMs),
      ...(interval !== undefined && { intervalMs: interval }),
    })
  }

  /** What the registry is told (src/lib/registry.ts): the completion rate as measured under load, else as the lanes promise. */
  describe(models: readonly { id: string; version: string }[], lanes: number): WorkerBeat["models"] {
    const entries = models.map(({ id, version }) => {
      const { laneMs, jobMs, intervalMs = laneMs / lanes } = this.#byModel.get(id) ?? FIRST_GUESS
      return [id, { version, jobMs: round(jobMs), perSecond: round(1_000 / Math.max(0.1, intervalMs)) }]
    })
    return Object.fromEntries(entries)
  }
}

const FIRST_GUESS: Averages = { laneMs: FIRST_GUESS_MS, jobMs: FIRST_GUESS_MS }

function average(old: number | undefined, sample: number): number {
  return old === undefined ? sample : old + ALPHA * (sample - old)
}

const round = (value: number) => Math.round(value * 100) / 100

import { isUrlQueue } from "../../lib/queue/queue-name.ts"
import type { WorkerBeat } from "../../lib/queue/registry.ts"

/** Weight of the newest sample in the moving averages, once there are enough for one: hints need calm more than haste. */
const ALPHA = 0.03
/** What is told before the first job: about what a small picture takes. */
const FIRST_GUESS_MS = 100

export type JobSample = {
  /** What the lane was busy. */
  laneMs: number
  /** From claim to answer, without the wait for a lane. */
  jobMs: number
  decodeMs: number
  megapixels: number
  /** By a monotonic clock. */
  endedMs: number
  /** Every lane has something to do until the next job ends. */
  isBacklogged: boolean
}

type Averages = Pick<JobSample, "laneMs" | "jobMs" | "decodeMs" | "megapixels"> & {
  jobs: number
  intervals: number
  intervalMs?: number
}

/** How fast jobs are answered, by queue, as exponentially weighted moving averages. */
export class ServiceMeter {
  readonly #byQueue = new Map<string, Averages>()
  /** When the last job ended, if all lanes have been busy since. */
  #busySinceMs: number | undefined

  record(queue: string, sample: JobSample): void {
    const { endedMs, isBacklogged } = sample
    const old = this.#byQueue.get(queue)
    // What took no lane says nothing of how fast the lanes are.
    const tookLane = sample.laneMs > 0
    const intervalMs = !tookLane || this.#busySinceMs === undefined ? undefined : endedMs - this.#busySinceMs
    if (tookLane || !isBacklogged) this.#busySinceMs = isBacklogged ? endedMs : undefined
    const { jobs, intervals } = old ?? { jobs: 0, intervals: 0 }
    const interval = intervalMs === undefined ? old?.intervalMs : average(old?.intervalMs, intervalMs, intervals)
    this.#byQueue.set(queue, {
      jobs: jobs + 1,
      intervals: intervals + (intervalMs === undefined ? 0 : 1),
      laneMs: average(old?.laneMs, sample.laneMs, jobs),
      jobMs: average(old?.jobMs, sample.jobMs, jobs),
      decodeMs: average(old?.decodeMs, sample.decodeMs, jobs),
      megapixels: average(old?.megapixels, sample.megapixels, jobs),
      ...(interval !== undefined && { intervalMs: interval }),
    })
  }

  /** For the registry (src/lib/queue/registry.ts): the completion rate as measured under load, else as estimated from the lanes. */
  describe(queues: readonly string[], { lanes, fetches }: { lanes: number; fetches: number }): WorkerBeat["queues"] {
    const entries = queues.map((queue) => {
      const averages = this.#byQueue.get(queue) ?? FIRST_GUESS
      const { jobMs, laneMs, decodeMs, megapixels } = averages
      const fetchMs = isUrlQueue(queue) ? jobMs / fetches : 0
      const intervalMs = averages.intervalMs ?? Math.max(laneMs / lanes, fetchMs)
      const perSecond = round(1_000 / Math.max(0.1, intervalMs))
      const msPerMegapixel = megapixels > 0 ? round(decodeMs / megapixels) : 0
      return [queue, { jobMs: round(jobMs), perSecond, megapixels: round(megapixels), msPerMegapixel }]
    })
    return Object.fromEntries(entries)
  }
}

const FIRST_GUESS: Averages = {
  jobs: 0,
  intervals: 0,
  laneMs: FIRST_GUESS_MS,
  jobMs: FIRST_GUESS_MS,
  decodeMs: 0,
  megapixels: 0,
}

/** Of the first samples it is their mean. */
function average(old: number | undefined, sample: number, samples: number): number {
  return old === undefined ? sample : old + Math.max(ALPHA, 1 / (samples + 1)) * (sample - old)
}

const round = (value: number) => Math.round(value * 1_000) / 1_000

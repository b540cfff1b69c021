import type { WorkerBeat } from "../lib/registry.ts"

/** Weight of the newest sample in the moving averages. */
const ALPHA = 0.1
/** What is told before the first job: about what a small picture takes. */
const FIRST_GUESS_MS = 100

type Averages = { laneMs: number; jobMs: number }

/** How long jobs take, by model, as exponentially weighted moving averages in milliseconds. */
export class ServiceMeter {
  readonly #byModel = new Map<string, Averages>()

  /** `laneMs` is what the lane was busy; `jobMs` what the job took from claim to answer, without its wait for a lane. */
  record(model: string, { laneMs, jobMs }: Averages): void {
    const old = this.#byModel.get(model) ?? { laneMs, jobMs }
    this.#byModel.set(model, {
      laneMs: old.laneMs + ALPHA * (laneMs - old.laneMs),
      jobMs: old.jobMs + ALPHA * (jobMs - old.jobMs),
    })
  }

  /** What the registry is told (src/lib/registry.ts). */
  describe(models: readonly { id: string; version: string }[], lanes: number): WorkerBeat["models"] {
    const entries = models.map(({ id, version }) => {
      const { laneMs, jobMs } = this.#byModel.get(id) ?? { laneMs: FIRST_GUESS_MS, jobMs: FIRST_GUESS_MS }
      const perSecond = (lanes * 1_000) / Math.max(1, laneMs)
      return [id, { version, jobMs: round(jobMs), perSecond: round(perSecond) }]
    })
    return Object.fromEntries(entries)
  }
}

const round = (value: number) => Math.round(value * 100) / 100

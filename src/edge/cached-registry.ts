import { AppError } from "../lib/app-error.ts"
import { limitOf, limitRate, type Pause, pauseOf, type QueueLimits } from "../lib/queue/model-limits.ts"
import {
  isRemembered,
  type Registry,
  type RegistrySnapshot,
  type ServedModel,
  type ServiceRate,
  serviceRate,
} from "../lib/queue/registry.ts"
import { SharedLook } from "./shared-look.ts"

const MAX_AGE_MS = 10_000
/** An unknown model may be new, but a client that repeats its request must not cost a command each time. */
const MIN_AGE_MS = 1_000

type Source = Pick<Registry, "read"> & { readLimits: () => Promise<QueueLimits> }

/** The registry, and what operators have set for queues, as this isolate last saw them. */
export class CachedRegistry {
  readonly #source: Source
  readonly #now: () => number
  readonly #look: SharedLook<{ snapshot: RegistrySnapshot; limits: QueueLimits }>

  constructor(source: Source, now: () => number) {
    this.#source = source
    this.#now = now
    this.#look = new SharedLook(now)
  }

  async snapshot(maxAgeMs = MAX_AGE_MS): Promise<RegistrySnapshot> {
    return (await this.#read(maxAgeMs)).snapshot
  }

  /** Whether an operator has paused everything, or the model of this queue. That it was resumed is seen within a second. */
  async pauseOf(queue?: string): Promise<Pause> {
    const pauseAt = async (maxAgeMs: number) => pauseOf((await this.#read(maxAgeMs)).limits, queue)
    return (await pauseAt(MAX_AGE_MS)) && pauseAt(MIN_AGE_MS)
  }

  /** The number of classifiers that are alive. */
  async classifiers(): Promise<number> {
    const countAt = async (maxAgeMs?: number) => {
      const { workers } = await this.snapshot(maxAgeMs)
      return workers.filter(({ untilMs }) => untilMs > this.#now()).length
    }
    return (await countAt()) || countAt(MIN_AGE_MS)
  }

  #read(maxAgeMs: number) {
    const look = async () => {
      const [snapshot, limits] = await Promise.all([this.#source.read(), this.#source.readLimits()])
      return { snapshot, limits }
    }
    return this.#look.read(look, maxAgeMs)
  }

  async rate(queue: string, megapixels?: number): Promise<ServiceRate> {
    const rateAt = async (maxAgeMs = MAX_AGE_MS) => {
      const { snapshot, limits } = await this.#read(maxAgeMs)
      const picture = { nowMs: this.#now(), ...(megapixels !== undefined && { megapixels }) }
      return limitRate(serviceRate(snapshot, queue, picture), limitOf(limits, queue))
    }
    const rate = await rateAt()
    // A classifier that has just come would make all the difference.
    return rate.classifiers > 0 ? rate : rateAt(MIN_AGE_MS)
  }

  /**
   * The model that was asked for, served now or not long ago; without a name the preferred one, or while nobody serves it one
   * that is served: the first by name, so that every isolate takes the same.
   * @throws AppError unknown_model with the list of those there are
   */
  async findModel(asked: string | undefined, preferred: string): Promise<ServedModel> {
    let ids: string[] = []
    for (const maxAgeMs of [MAX_AGE_MS, MIN_AGE_MS]) {
      const snapshot = await this.snapshot(maxAgeMs)
      const known = this.#remembered(snapshot)
      ids = known.map(({ id }) => id)
      const choice =
        asked === undefined ? this.#anyModel(snapshot, known, preferred) : known.find(({ id }) => id === asked)
      if (choice !== undefined) return choice
    }
    const which = asked === undefined ? "no model" : `no model ${JSON.stringify(asked.slice(0, 64))}`
    const known = ids.length === 0 ? "no classifier has been here yet" : `there are ${ids.join(", ")}`
    throw new AppError("unknown_model", `Cannot classify: ${which} was ever served here; ${known}`)
  }

  #remembered(snapshot: RegistrySnapshot): ServedModel[] {
    const known = snapshot.models.filter((model) => isRemembered(snapshot, model, this.#now()))
    return known.sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  #anyModel(snapshot: RegistrySnapshot, known: readonly ServedModel[], preferred: string): ServedModel | undefined {
    const isServed = ({ id }: ServedModel) => serviceRate(snapshot, id, { nowMs: this.#now() }).classifiers > 0
    const byWish = known.toSorted((a, b) => Number(b.id === preferred) - Number(a.id === preferred))
    return byWish.find(isServed) ?? byWish[0]
  }
}

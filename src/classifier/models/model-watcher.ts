import { rm } from "node:fs/promises"
import type { Log } from "../../lib/log.ts"
import { every } from "../loops/every.ts"
import type { ModelFolder } from "./find-models.ts"
import { folderSignature } from "./folder-signature.ts"
import type { BrokenModel, Inspected, ServedFolder } from "./served-folder.ts"

export type ModelWatcherOptions = {
  /** The model folders there are now. */
  find: () => readonly ModelFolder[]
  inspect: (folders: readonly ModelFolder[]) => Promise<Inspected>
  log: Log
}

type Entry = ModelFolder & {
  /** As the last look saw it. */
  seen: string | null
  /** As it was when it was last loaded and checked. */
  checked: string | null
  served: ServedFolder | null
  broken: BrokenModel | null
}

/** How many looks the copy of a version outlives it: an active job may still have it loaded. */
const OUTGOING_LOOKS = 60

/**
 * The models that are served, as their folders change. A folder is loaded and checked when two looks in a row find it
 * the same, so that one which is half copied is left alone; until a new version has passed, the old one is served.
 */
export class ModelWatcher {
  readonly #options: ModelWatcherOptions
  readonly #entries = new Map<string, Entry>()
  #outgoing: { copy: string; sinceLook: number }[] = []
  #looks = 0

  /** Loads and checks all there is. */
  static async open(options: ModelWatcherOptions): Promise<ModelWatcher> {
    const models = new ModelWatcher(options)
    await models.look({ settle: false })
    return models
  }

  private constructor(options: ModelWatcherOptions) {
    this.#options = options
  }

  get served(): ServedFolder[] {
    return [...this.#entries.values()].flatMap(({ served }) => served ?? [])
  }

  /** Folders whose present content cannot be served. An older version of theirs may be. */
  get broken(): BrokenModel[] {
    return [...this.#entries.values()].flatMap(({ broken }) => broken ?? [])
  }

  /** Looks every so often, until the signal is aborted. */
  watch(everyMs: number, onChange: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const look = async () => {
      if (await this.look()) await onChange()
    }
    const onError = (error: unknown) => this.#options.log.error("model.look_failed", { error })
    return every(everyMs, look, { signal, onError })
  }

  /** Takes in what has changed, and says whether that changes what is served, or what is broken. */
  async look({ settle = true } = {}): Promise<boolean> {
    const before = this.#key()
    this.#looks++
    await this.#removeOutgoing()
    const due = await this.#findChanged(settle)
    if (due.length > 0) await this.#check(due)
    return this.#key() !== before
  }

  /** Updates the entries, and gives those that are to be loaded. */
  async #findChanged(settle: boolean): Promise<Entry[]> {
    const found = new Map(this.#options.find().map((model) => [model.id, model]))
    const due: Entry[] = []
    for (const { id, folder } of found.values()) {
      const known = this.#entries.get(id)
      const entry = known ?? { id, folder, seen: null, checked: null, served: null, broken: null }
      this.#entries.set(id, entry)
      entry.folder = folder
      const signature = await folderSignature(folder)
      const isSettled = signature === entry.seen || !settle
      entry.seen = signature
      if (isSettled && signature !== null && signature !== entry.checked) due.push(entry)
    }
    for (const entry of this.#entries.values()) if (!found.has(entry.id)) this.#miss(entry)
    return due
  }

  /** A folder that is renamed away to make place for another is back at the next look. */
  #miss(entry: Entry): void {
    if (entry.seen !== null) {
      entry.seen = null
      return
    }
    this.#entries.delete(entry.id)
    if (!entry.served) return
    this.#retire(entry.served)
    this.#options.log.info("model.removed", { model: entry.id, folder: entry.folder })
  }

  async #check(due: readonly Entry[]): Promise<void> {
    const { served, broken } = await this.#options.inspect(due)
    for (const entry of due) {
      // What was written while it was read shows at the next look.
      const isSame = (await folderSignature(entry.folder)) === entry.seen
      entry.checked = isSame ? entry.seen : null
      const fresh = served.find(({ info }) => info.id === entry.id)
      if (fresh && isSame) this.#take(entry, fresh)
      const problem = broken.find(({ id }) => id === entry.id)
      if (problem) this.#leaveOut(entry, problem)
    }
  }

  #take(entry: Entry, fresh: ServedFolder): void {
    const old = entry.served
    entry.broken = null
    if (old?.info.version === fresh.info.version) return
    entry.served = fresh
    const { id, version } = fresh.info
    if (old) this.#retire(old)
    const before = old && { before: old.info.version }
    this.#options.log.info(old ? "model.replaced" : "model.served", { model: id, version, ...before })
  }

  #retire({ copy }: ServedFolder): void {
    if (copy !== null) this.#outgoing.push({ copy, sinceLook: this.#looks })
  }

  async #removeOutgoing(): Promise<void> {
    const inUse = new Set(this.served.map(({ copy }) => copy))
    const due = this.#outgoing.filter(({ sinceLook }) => this.#looks - sinceLook > OUTGOING_LOOKS)
    this.#outgoing = this.#outgoing.filter((outgoing) => !due.includes(outgoing))
    for (const { copy } of due) if (!inUse.has(copy)) await rm(copy, { recursive: true, force: true })
  }

  #leaveOut(entry: Entry, problem: BrokenModel): void {
    const { id, folder, code, message } = problem
    const stays = entry.served && { serving: entry.served.info.version }
    if (entry.broken?.message !== message) {
      const level = code === "no_model" ? "warn" : "error"
      this.#options.log[level]("model.broken", { model: id, folder, code, reason: message, ...stays })
    }
    entry.broken = problem
  }

  #key(): string {
    const served = this.served.map(({ info }) => `${info.id}@${info.version}`)
    return JSON.stringify([served, this.broken.map(({ id, message }) => [id, message])])
  }
}

import type { ServingModel } from "../engine/serving-model.ts"
import { ModelError } from "../models/model-error.ts"
import type { ServedFolder } from "../models/served-folder.ts"
import type { HeldModel } from "./lane-messages.ts"

/** Called with what a lane holds, each time that changes. */
export type OnHeld = (models: HeldModel[], counts: { loads: number; unloads: number }) => void

type Load = (id: string, place: { folder: string; hasPlan: boolean }) => Promise<ServingModel>

/** The models that one lane holds: loaded when they are first asked for, the least recently used let go for want of memory. */
export class LaneModels {
  /** In the order of their last use. */
  readonly #held = new Map<string, ServingModel>()
  readonly #budgetBytes: number
  readonly #onChange: OnHeld
  readonly #load: Load
  #loads = 0
  #unloads = 0

  constructor(budgetBytes: number, onChange: OnHeld, load: Load) {
    this.#budgetBytes = budgetBytes
    this.#onChange = onChange
    this.#load = load
  }

  /** @throws ModelError when none of its places has that very version any more */
  async take(model: ServedFolder): Promise<ServingModel> {
    const key = `${model.info.id}@${model.info.version}`
    const held = this.#held.get(key)
    if (held) {
      this.#held.delete(key)
      this.#held.set(key, held)
      return held
    }
    this.#makeRoom(model.info)
    const loaded = await this.#loadVersion(model)
    this.#held.set(key, loaded)
    this.#loads++
    this.#tell()
    return loaded
  }

  #makeRoom({ id, memoryBytes }: HeldModel): void {
    // Another version of it was replaced: nobody will ask for that again.
    const replaced = [...this.#held].filter(([, { info }]) => info.id === id)
    for (const [key] of replaced) this.#unload(key)
    for (const key of [...this.#held.keys()]) {
      if (this.#heldBytes() + memoryBytes <= this.#budgetBytes) return
      this.#unload(key)
    }
  }

  #heldBytes(): number {
    return [...this.#held.values()].reduce((sum, { info }) => sum + info.memoryBytes, 0)
  }

  #unload(key: string): void {
    this.#held.get(key)?.dispose()
    this.#held.delete(key)
    this.#unloads++
    this.#tell()
  }

  async #loadVersion({ info: { id, version, servedBy }, folder: original, copy }: ServedFolder): Promise<ServingModel> {
    let cause: unknown
    for (const folder of copy === null ? [original] : [copy, original]) {
      try {
        const model = await this.#load(id, { folder, hasPlan: servedBy.plan && folder === copy })
        if (model.info.version === version) return model
        model.dispose()
      } catch (error) {
        if (!(error instanceof ModelError)) throw error
        cause = error
      }
    }
    throw new ModelError("load_failed", `Version ${version} of ${id} cannot be loaded any more`, { cause })
  }

  #tell(): void {
    const models = [...this.#held.values()].map(({ info }) => {
      return { id: info.id, version: info.version, memoryBytes: info.memoryBytes }
    })
    this.#onChange(models, { loads: this.#loads, unloads: this.#unloads })
  }
}

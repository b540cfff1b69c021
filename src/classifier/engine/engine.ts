import type { EngineName, ModelInfo, ServedBy } from "../models/model-info.ts"
import { openNetwork } from "./open-network.ts"
import { encodePlan, PLAN_FILE, readPlan } from "./plan/plan-file.ts"
import { type ServingModel, servingModel } from "./serving-model.ts"

/** A model that was loaded and checked, with all that it can be loaded from again. */
export type CheckedModel = { info: ModelInfo; files: ReadonlyMap<string, Uint8Array> }

/** The engine of one thread. Only what it is asked to do loads its code: a lane of the native engine has no TF.js. */
export class Engine {
  readonly #name: EngineName
  #tfjs: typeof import("./tfjs/tfjs-engine.ts") | undefined

  /** Ready to load models. */
  static async start(name: EngineName): Promise<Engine> {
    const engine = new Engine(name)
    if (name === "wasm") await engine.#startTfjs()
    else (await import("./onnx/runtime.ts")).loadOnnxRuntime()
    return engine
  }

  private constructor(name: EngineName) {
    this.#name = name
  }

  /** The model in a folder: by its plan, where we have put one there. @throws ModelError */
  async open(id: string, { folder, hasPlan }: { folder: string; hasPlan: boolean }): Promise<ServingModel> {
    if (hasPlan) {
      const { description, plan } = await readPlan(folder)
      return servingModel(description, await openNetwork(plan, this.#name))
    }
    const { loadModel } = await this.#startTfjs()
    const { description, network } = await loadModel(id, folder)
    return servingModel(description, network)
  }

  /** Loads the model in a folder, checks it, makes its plan, and lets it go. @throws ModelError */
  async check(id: string, folder: string): Promise<CheckedModel> {
    const { loadModel, planModel } = await this.#startTfjs()
    const { description, network, files: read, info } = await loadModel(id, folder)
    let isHeld = true
    const letGo = () => {
      if (isHeld) network.dispose()
      isHeld = false
    }
    try {
      const planned = await planModel({ description, network }, this.#name, letGo)
      if (planned.plan === null) {
        const { reason, isWrong } = planned
        const servedBy: ServedBy = { engine: "wasm", plan: false, reason, ...(isWrong && { isWrong }) }
        return { info: { ...info, servedBy }, files: read.files }
      }
      planned.network.dispose()
      const servedBy: ServedBy = { engine: this.#name, plan: true }
      const memoryBytes = servingModel(description, planned.network).info.memoryBytes
      const served = { ...description, info: { ...info, servedBy, memoryBytes } }
      const plan = encodePlan({ description: served, plan: planned.plan })
      return { info: served.info, files: new Map([...read.files, [PLAN_FILE, plan]]) }
    } finally {
      letGo()
    }
  }

  /** What TF.js counts on this thread. */
  stats(): { tensors: number; tensorBytes: number } {
    return this.#tfjs?.tensorStats() ?? { tensors: 0, tensorBytes: 0 }
  }

  async #startTfjs() {
    this.#tfjs ??= await import("./tfjs/tfjs-engine.ts")
    await this.#tfjs.startWasm()
    return this.#tfjs
  }
}

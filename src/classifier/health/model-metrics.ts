import { Counter, Gauge, type Registry } from "prom-client"
import type { HeldModel } from "../lane/lane-messages.ts"
import type { ModelInfo, ServedBy } from "../models/model-info.ts"

export type ModelSource = {
  models: readonly Pick<ModelInfo, "id" | "version" | "servedBy">[]
  held: { models: readonly HeldModel[]; loads: number; unloads: number }[]
}

/** Which models are served, which lie in the memory of how many lanes, and how often they come and go. */
export function addModelMetrics(registry: Registry, source: ModelSource): void {
  const labelNames = ["model", "version"] as const
  new Gauge({
    name: "claimcheck_models_served",
    help: "1 for each served model",
    labelNames,
    registers: [registry],
    collect() {
      this.reset()
      for (const { id, version } of source.models) this.set({ model: id, version }, 1)
    },
  })
  new Gauge({
    name: "claimcheck_model_engine",
    help: "1 for each served model, with its engine, and whether it runs as a plan",
    labelNames: ["model", "engine", "plan"] as const,
    registers: [registry],
    collect() {
      this.reset()
      for (const { id, servedBy } of source.models) {
        this.set({ model: id, engine: servedBy.engine, plan: String(servedBy.plan) }, 1)
      }
    },
  })
  new Gauge({
    name: "claimcheck_model_lanes",
    help: "Lanes that have the model loaded",
    labelNames,
    registers: [registry],
    collect() {
      this.reset()
      for (const { id, version } of allHeld(source)) this.inc({ model: id, version })
    },
  })
  new Gauge({
    name: "claimcheck_model_memory_bytes",
    help: "Bytes of the loaded models in all lanes, as their engine counts them",
    labelNames,
    registers: [registry],
    collect() {
      this.reset()
      for (const { id, version, memoryBytes } of allHeld(source)) this.inc({ model: id, version }, memoryBytes)
    },
  })
  for (const what of ["loads", "unloads"] as const) {
    new Counter({
      name: `claimcheck_model_${what}_total`,
      help: `Model ${what} of the running lanes`,
      registers: [registry],
      collect() {
        this.reset()
        this.inc(source.held.reduce((sum, lane) => sum + lane[what], 0))
      },
    })
  }
}

/** Whether WASM is compiled to 256 bits. */
export function addWasmMetric(registry: Registry, isRevectorized: boolean): void {
  const name = "claimcheck_wasm_revectorized"
  const help = "1 when V8 compiles TF.js' WASM to 256 bits (--experimental-wasm-revectorize)"
  new Gauge({ name, help, registers: [registry] }).set(isRevectorized ? 1 : 0)
}

export type ModelReport = { id: string; version: string; engine?: ServedBy; lanes: number; memory_bytes: number }

/** The same for people: each model that is served, and those that are still loaded. */
export function reportModels(source: ModelSource): ModelReport[] {
  const held = allHeld(source)
  const all = new Map([...held, ...source.models].map((model) => [`${model.id}@${model.version}`, model]))
  return [...all.values()].map(({ id, version }) => {
    const copies = held.filter((model) => model.id === id && model.version === version)
    const engine = source.models.find((model) => model.id === id && model.version === version)?.servedBy
    const memoryBytes = copies.reduce((sum, copy) => sum + copy.memoryBytes, 0)
    return { id, version, ...(engine && { engine }), lanes: copies.length, memory_bytes: memoryBytes }
  })
}

function allHeld({ held }: ModelSource): HeldModel[] {
  return held.flatMap(({ models }) => models)
}

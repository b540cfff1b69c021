import { Counter, Gauge, type Registry } from "prom-client"
import type { HeldModel } from "../lane/lane-messages.ts"

export type ModelSource = {
  models: readonly { id: string; version: string }[]
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
    help: "Bytes of the loaded models in all lanes, as counted by TF.js",
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

export type ModelReport = { id: string; version: string; lanes: number; memory_bytes: number }

/** The same for people: each model that is served, and those that are still loaded. */
export function reportModels(source: ModelSource): ModelReport[] {
  const held = allHeld(source)
  const all = new Map([...held, ...source.models].map((model) => [`${model.id}@${model.version}`, model]))
  return [...all.values()].map(({ id, version }) => {
    const copies = held.filter((model) => model.id === id && model.version === version)
    return { id, version, lanes: copies.length, memory_bytes: copies.reduce((sum, copy) => sum + copy.memoryBytes, 0) }
  })
}

function allHeld({ held }: ModelSource): HeldModel[] {
  return held.flatMap(({ models }) => models)
}

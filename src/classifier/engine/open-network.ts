import type { EngineName } from "../models/model-info.ts"
import type { Network } from "./network.ts"
import { type Plan, PlanError } from "./plan/plan.ts"

/** A plan in the memory of an engine, whose code is loaded with the first one. */
export async function openNetwork(plan: Plan, engine: EngineName): Promise<Network> {
  switch (engine) {
    case "wasm": {
      const { openWasmNetwork } = await import("./tfjs/wasm-network.ts")
      return openWasmNetwork(plan)
    }
    case "native":
      throw new PlanError("The native engine is not there yet")
    default:
      return engine satisfies never
  }
}

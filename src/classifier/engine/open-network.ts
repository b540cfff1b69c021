import type { EngineName } from "../models/model-info.ts"
import type { Network } from "./network.ts"
import type { Plan } from "./plan/plan.ts"

/** A plan in the memory of an engine, whose code is loaded with the first one. */
export async function openNetwork(plan: Plan, engine: EngineName): Promise<Network> {
  switch (engine) {
    case "wasm": {
      const { openWasmNetwork } = await import("./tfjs/wasm-network.ts")
      return openWasmNetwork(plan)
    }
    case "native": {
      const { openNativeNetwork } = await import("./onnx/native-network.ts")
      return openNativeNetwork(plan)
    }
    default:
      return engine satisfies never
  }
}

import type { Network } from "../network.ts"
import { constantBytes, type Plan, shapeOf } from "../plan/plan.ts"
import { FEATURES, IMAGE, planToOnnx, SCORES } from "./plan-to-onnx.ts"
import { loadOnnxRuntime } from "./runtime.ts"

/** A plan in a session of ONNX Runtime, on one core: a lane is one. */
export async function openNativeNetwork(plan: Plan): Promise<Network> {
  const { InferenceSession, Tensor } = loadOnnxRuntime()
  const session = await InferenceSession.create(planToOnnx(plan), {
    executionProviders: ["cpu"],
    executionMode: "sequential",
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  })
  const shape = shapeOf(plan, plan.input)
  const run = async (input: Float32Array, wanted: string) => {
    const { [wanted]: found } = await session.run({ [IMAGE]: new Tensor("float32", input, shape) }, [wanted])
    if (!(found?.data instanceof Float32Array)) throw new Error(`The session gives no ${wanted}`)
    return found.data
  }
  return {
    run: (input) => run(input, SCORES),
    features: async (input) => (plan.features === null ? null : run(input, FEATURES)),
    memoryBytes: constantBytes(plan),
    dispose: () => void session.release(),
  }
}

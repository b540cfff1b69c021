import { memory } from "@tensorflow/tfjs"
import { beforeAll, describe, expect, test } from "vitest"
import { openNetwork } from "../../../../src/classifier/engine/open-network.ts"
import { decodePlan, encodePlan } from "../../../../src/classifier/engine/plan/plan-file.ts"
import { newInput } from "../../../../src/classifier/engine/serving-model.ts"
import { fillNoise } from "../../../../src/classifier/engine/test-inputs.ts"
import { type Planned, planModel } from "../../../../src/classifier/engine/tfjs/plan-model.ts"
import { startWasm } from "../../../../src/classifier/engine/tfjs/start-wasm.ts"
import { ENGINE_NAMES } from "../../../../src/classifier/models/model-info.ts"
import { FAMILY_NAMES, familyModel } from "../../../support/models/families.ts"
import { loadedFrom, upsampledModel } from "../../../support/models/plan-of.ts"

beforeAll(startWasm)

function planOf(planned: Planned) {
  if (planned.plan === null) throw new Error(planned.reason)
  return planned
}

describe.each(ENGINE_NAMES)("on the %s engine", (engine) => {
  test.each(FAMILY_NAMES)(
    "%s runs as a plan that answers like TF.js, also once it was kept in a file",
    async (family) => {
      const loaded = loadedFrom(familyModel(family))
      const { plan, network, difference } = planOf(await planModel(loaded, engine))
      expect(difference).toBeLessThan(1e-5)
      const kept = decodePlan(encodePlan({ description: loaded.description, plan }))
      const again = await openNetwork(kept.plan, engine)
      const input = fillNoise(newInput(loaded.description.size), 99)
      const [expected, found] = [await loaded.network.run(input), await again.run(input)]
      for (const [at, value] of expected.entries()) expect(found[at]).toBeCloseTo(value, 5)
      // Not all the same, or nothing would have been seen.
      expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(1e-3)
      const features = [await loaded.network.features?.(input), await again.features?.(input)]
      if (features[0]) for (const [at, value] of features[0].entries()) expect(features[1]?.[at]).toBeCloseTo(value, 4)
      for (const each of [network, again, loaded.network]) each.dispose()
    },
  )
})

test("batch norms, activations and padding go into the convolutions, and what changes nothing goes away", async () => {
  const { plan } = planOf(await planModel(loadedFrom(familyModel("MobileNet v2")), "wasm"))
  expect(plan.steps.map((step) => ("activation" in step ? `${step.op} ${step.activation}` : step.op))).toEqual([
    ...["conv relu6", "conv relu6", "depthwise relu6", "conv linear", "binary"],
    ...["depthwise relu6", "reduce", "dense linear", "softmax"],
  ])
})

test("a kernel that has no step is named, and the model is served as TF.js loads it", async () => {
  const planned = await planModel(loadedFrom(upsampledModel()), "wasm")
  expect(planned).toEqual({ plan: null, reason: "No step for the kernel ResizeNearestNeighbor", isWrong: false })
})

test("a plan that answers otherwise than TF.js serves nothing", async () => {
  const recorded = loadedFrom(familyModel("VGG"))
  const asked = loadedFrom(familyModel("ResNet"))
  const network = { ...asked.network, predict: recorded.network.predict }
  const planned = await planModel({ ...asked, network }, "wasm")
  expect(planned).toMatchObject({ plan: null, isWrong: true, reason: expect.stringContaining("differ from those") })
})

test("a plan leaves no tensor behind, neither of a picture nor of itself", async () => {
  const loaded = loadedFrom(familyModel("Inception"))
  const before = memory().numTensors
  const { network } = planOf(await planModel(loaded, "wasm"))
  const open = memory().numTensors
  for (let picture = 0; picture < 10; picture++) await network.run(newInput(loaded.description.size))
  expect(memory().numTensors).toBe(open)
  network.dispose()
  expect(memory().numTensors).toBe(before)
})

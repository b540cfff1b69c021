import { describe, expect, test } from "vitest"
import { hasShared, jpegNames, MODEL_IDS, picture, startRealLanes, where } from "../support/models/real-lanes.ts"

describe.skipIf(!hasShared)(`real models on both engines${where}`, () => {
  test("put the same class first on all pictures, within 0.001", { timeout: 180_000 }, async () => {
    const [wasm, native] = [await startRealLanes(), await startRealLanes({ engine: "native" })]
    try {
      expect(native.models.map(({ servedBy }) => servedBy)).toEqual(
        MODEL_IDS.map(() => ({ engine: "native", plan: true })),
      )
      for (const name of jpegNames()) {
        for (const model of MODEL_IDS) {
          const [one, other] = await Promise.all(
            [wasm, native].map((lanes) => lanes.classify("native", model, picture(name))),
          )
          const [expected, found] = [one?.predictions?.[0], other?.predictions?.[0]]
          expect(found?.label, name).toBe(expected?.label)
          expect(Math.abs((found?.probability ?? 0) - (expected?.probability ?? 1)), name).toBeLessThan(1e-3)
        }
      }
    } finally {
      await Promise.all([wasm.close(), native.close()])
    }
  })
})

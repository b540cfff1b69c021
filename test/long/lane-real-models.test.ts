import { afterAll, beforeAll, describe, expect, test } from "vitest"
import {
  differenceFromReference,
  hasShared,
  jpegNames,
  labelIn,
  MODEL_IDS,
  picture,
  REFERENCE,
  type RealLanes,
  startRealLanes,
  where,
} from "../support/models/real-lanes.ts"

describe.skipIf(!hasShared)(`real models on every picture${where}`, () => {
  let lanes: RealLanes
  beforeAll(async () => {
    lanes = await startRealLanes()
  })
  afterAll(() => lanes?.close())

  test.each(MODEL_IDS)(
    "%s puts the same class first with both codecs on every JPEG, right on 20 of 25",
    async (model) => {
      const names = jpegNames()
      const wrong: string[] = []
      for (const name of names) {
        const [native, portable] = await Promise.all([
          lanes.classify("native", model, picture(name)),
          lanes.classify("portable", model, picture(name)),
        ])
        const label = native.predictions?.[0]?.label
        expect(label, name).toBe(portable.predictions?.[0]?.label)
        expect(native.image, name).toEqual(portable.image)
        if (name.startsWith("imagenet/") && label?.toLowerCase() !== labelIn(name)) wrong.push(name)
      }
      expect(names).toHaveLength(29)
      expect(names.filter((name) => name.startsWith("imagenet/"))).toHaveLength(25)
      expect(wrong.length, `wrong: ${wrong.join(", ")}`).toBeLessThanOrEqual(5)
    },
    180_000,
  )

  test("efficientnet_lite0 agrees with the original network within 0.01 on the pixels of its reference", async () => {
    const names = Object.keys(REFERENCE.pictures)
    expect(names.length).toBeGreaterThan(20)
    for (const name of names) expect(await differenceFromReference(lanes, name), name).toBeLessThan(0.01)
  })
})

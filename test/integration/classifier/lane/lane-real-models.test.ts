import { decode, encode } from "jpeg-js"
import sharp from "sharp"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { CODEC_NAMES } from "../../../../src/classifier/image/codec.ts"
import { orientedView } from "../../../../src/classifier/image/orientation.ts"
import { withOrientation } from "../../../support/images/images.ts"
import {
  differenceFromReference,
  hasShared,
  MODEL_IDS,
  picture,
  REFERENCE,
  type RealLanes,
  startRealLanes,
  where,
} from "../../../support/models/real-lanes.ts"

describe.skipIf(!hasShared)(`real models${where}`, () => {
  let lanes: RealLanes
  let parrots: Uint8Array[]

  beforeAll(async () => {
    parrots = [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) => storedAs(picture("parrot.jpg"), orientation))
    lanes = await startRealLanes()
  })
  afterAll(() => lanes?.close())

  test("both are served", () => {
    expect(lanes.models.map(({ id, labels }) => [id, labels])).toEqual([
      ["efficientnet_lite0", 1000],
      ["mobilenet_v2", 1001],
    ])
  })

  describe.each(CODEC_NAMES.flatMap((codec) => MODEL_IDS.map((model) => ({ codec, model }))))(
    "$model with the $codec codec",
    ({ codec, model }) => {
      const classify = (bytes: Uint8Array) => lanes.classify(codec, model, bytes)

      test.each([
        ["castle.jpg", "castle"],
        ["hot_dog.jpg", "hotdog"],
        ["parrot.jpg", "macaw"],
        ["jemma.png", "beagle"],
      ])("sees in %s a %s", async (name, label) => {
        expect((await classify(picture(name))).predictions?.[0]?.label).toBe(label)
      })

      test("sees every orientation of a photo as the same picture", async () => {
        const answers = await Promise.all(parrots.map(classify))
        for (const [index, { predictions, image }] of answers.entries()) {
          const orientation = index + 1
          expect(image).toEqual({ format: "jpeg", width: 512, height: 929, orientation })
          expect(predictions?.[0]?.label, `orientation ${orientation}`).toBe("macaw")
        }
      })

      test.each([0.1, 0.5, 0.9, 0.999])("a progressive JPEG cut at %d of its length is invalid", async (share) => {
        const bytes = picture("castle.jpg")
        const cut = bytes.subarray(0, Math.floor(bytes.length * share))
        await expect(classify(cut)).rejects.toMatchObject({ name: "AppError", code: "invalid_image" })
      })
    },
  )

  test.each([
    ["png", {}],
    ["webp", {}],
    ["avif", { effort: 0 }],
    ["gif", { effort: 1 }],
    ["tiff", {}],
  ] as const)("a macaw in %s is one to the native codec, held every way", async (format, options) => {
    for (const orientation of format === "gif" ? [1] : [1, 2, 3, 4, 5, 6, 7, 8]) {
      const stored = sharp(parrots[orientation - 1]).withMetadata({ orientation })
      const bytes = await stored.toFormat(format, options).toBuffer()
      const { predictions, image } = await lanes.classify("native", "efficientnet_lite0", bytes)
      expect(image, `orientation ${orientation}`).toEqual({ format, width: 512, height: 929, orientation })
      expect(predictions?.[0]?.label, `orientation ${orientation}`).toBe("macaw")
    }
  })

  test("a photo of 12 megapixels is what its small copy is", async () => {
    const [small, large] = await Promise.all(
      [sharp(picture("parrot.jpg")).resize(480), sharp(picture("parrot.jpg")).resize(3024, 4032, { fit: "fill" })].map(
        async (image) => lanes.classify("native", "efficientnet_lite0", await image.jpeg().toBuffer()),
      ),
    )
    expect(large?.predictions?.[0]?.label).toBe(small?.predictions?.[0]?.label)
    expect(large?.image).toMatchObject({ width: 3024, height: 4032 })
  })

  test("efficientnet_lite0 agrees with the original network within 0.01 on pixels of its reference; on all: test:long", async () => {
    const names = Object.keys(REFERENCE.pictures).slice(0, 3)
    for (const name of names) expect(await differenceFromReference(lanes, name), name).toBeLessThan(0.01)
    expect(names).toHaveLength(3)
  })
})

/** The same photo, its pixels stored as a camera held in that orientation would. */
function storedAs(jpeg: Uint8Array, orientation: number): Uint8Array {
  const seen = decode(jpeg, { useTArray: true })
  const isTurned = orientation >= 5
  const stored = { width: isTurned ? seen.height : seen.width, height: isTurned ? seen.width : seen.height }
  const { origin, stepX, stepY } = orientedView(stored, orientation)
  const data = new Uint8Array(seen.data.length)
  for (let y = 0, from = 0; y < seen.height; y++) {
    for (let x = 0; x < seen.width; x++, from += 4) {
      data.set(seen.data.subarray(from, from + 4), (origin + x * stepX + y * stepY) * 4)
    }
  }
  return withOrientation(encode({ ...stored, data }, 95).data, orientation)
}

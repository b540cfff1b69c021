import { existsSync, readdirSync, readFileSync } from "node:fs"
import { decode, encode } from "jpeg-js"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { orientedView } from "../../src/classifier/image/orientation.ts"
import { LanePool } from "../../src/classifier/lane/lane-pool.ts"
import { findModels } from "../../src/classifier/models/find-models.ts"
import { silentLog } from "../../src/lib/log.ts"
import { withOrientation } from "../support/images.ts"

const SHARED = new URL("../../../shared/", import.meta.url).pathname
const MODELS = new URL("../../models/", import.meta.url).pathname
const IMAGES = `${SHARED}images/`
const hasShared = existsSync(IMAGES)
// A name that says why, so that a run without the pictures is not taken for a whole one.
const where = hasShared ? "" : " — SKIPPED: the pictures of ../shared/images are not here"

type Reference = { pictures: Record<string, { top5: { class_index: number; probability: number }[] }> }
const reference: Reference = JSON.parse(
  readFileSync(new URL("../fixtures/efficientnet_lite0-reference.json", import.meta.url), "utf8"),
)

describe.skipIf(!hasShared)(`real models${where}`, () => {
  let pool: LanePool
  let parrots: Uint8Array[]

  beforeAll(async () => {
    parrots = [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) => storedAs(picture("parrot.jpg"), orientation))
    pool = await LanePool.start({
      lanes: 2,
      modelFolders: findModels([MODELS, `${SHARED}models`], silentLog),
      limits: { maxPixels: 50_000_000, maxBytes: 8_000_000 },
      jobTimeoutMs: 30_000,
      log: silentLog,
      entry: new URL("../../dist/classifier/lane/lane-thread.js", import.meta.url),
    })
  })
  afterAll(() => pool?.close())

  const classify = (modelId: string, bytes: Uint8Array) => pool.run({ modelId, bytes, topK: 5 })
  const picture = (name: string) => readFileSync(IMAGES + name)

  test("both are served", () => {
    expect(pool.models.map(({ id, labels }) => [id, labels])).toEqual([
      ["efficientnet_lite0", 1000],
      ["mobilenet_v2", 1001],
    ])
  })

  describe.each(["efficientnet_lite0", "mobilenet_v2"])("%s", (model) => {
    test.each([
      ["castle.jpg", "castle"],
      ["hot_dog.jpg", "hotdog"],
      ["parrot.jpg", "macaw"],
      ["jemma.png", "beagle"],
    ])("sees in %s a %s", async (name, label) => {
      expect((await classify(model, picture(name))).predictions[0]?.label).toBe(label)
    })

    test("names at least 20 of the 25 ImageNet pictures right", async () => {
      const names = readdirSync(`${IMAGES}imagenet`)
      const answers = await Promise.all(names.map((name) => classify(model, picture(`imagenet/${name}`))))
      const wrong = names.filter((name, index) => labelIn(name) !== answers[index]?.predictions[0]?.label.toLowerCase())
      expect(names).toHaveLength(25)
      expect(wrong.length, `wrong: ${wrong.join(", ")}`).toBeLessThanOrEqual(5)
    })

    test("sees every orientation of a photo as the same picture", async () => {
      const answers = await Promise.all(parrots.map((bytes) => classify(model, Uint8Array.from(bytes))))
      for (const [index, { predictions, image }] of answers.entries()) {
        const orientation = index + 1
        expect(image).toEqual({ format: "jpeg", width: 512, height: 929, orientation })
        expect(predictions[0]?.label, `orientation ${orientation}`).toBe("macaw")
      }
    })
  })

  test("efficientnet_lite0 agrees with the original network within 0.01", async () => {
    const names = Object.keys(reference.pictures)
    expect(names.length).toBeGreaterThan(20)
    for (const name of names) {
      const { predictions } = await classify("efficientnet_lite0", picture(name))
      const best = reference.pictures[name]?.top5[0]
      expect(predictions[0]?.classIndex, name).toBe(best?.class_index)
      expect(Math.abs((predictions[0]?.probability ?? 0) - (best?.probability ?? 0)), name).toBeLessThan(0.01)
    }
  })

  test.each([0.1, 0.5, 0.9, 0.999])("a progressive JPEG cut at %d of its length is invalid", async (share) => {
    const bytes = picture("castle.jpg")
    const cut = new Uint8Array(bytes.subarray(0, Math.floor(bytes.length * share)))
    await expect(classify("mobilenet_v2", cut)).rejects.toMatchObject({ name: "AppError", code: "invalid_image" })
  })
})

function labelIn(fileName: string): string {
  return fileName
    .replace(/^n\d+_/, "")
    .replace(/\.JPEG$/, "")
    .replaceAll("_", " ")
    .toLowerCase()
}

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

import sharp from "sharp"
import { expect, test } from "vitest"
import { CODEC_NAMES } from "../../src/classifier/image/codec.ts"
import { LanePool } from "../../src/classifier/lane/lane-pool.ts"
import { findModels } from "../../src/classifier/models/find-models.ts"
import { createLog, silentLog } from "../../src/lib/log.ts"
import { avifHeader, gifOf, webpOf } from "../support/images/hostile-images.ts"
import { withOrientation } from "../support/images/images.ts"
import { mutate, randomFrom } from "../support/images/mutate.ts"
import { writeTinyModel } from "../support/models/tiny-model.ts"

/** More of them: MUTATIONS=100000 npm run test:long -- lane-mutations */
const COUNT = Number(process.env.MUTATIONS ?? 3_000)
const SEED = Number(process.env.SEED ?? 1)
const AT_ONCE = 4
const EXPECTED = /^(empty_body|unsupported_image|invalid_image|side_too_long|too_many_pixels)$/

async function seeds(): Promise<Uint8Array[]> {
  const noise = Uint8Array.from({ length: 48 * 32 * 4 }, (_, i) => (Math.imul(i + 1, 2654435761) >>> 13) & 255)
  const image = () => sharp(noise, { raw: { width: 48, height: 32, channels: 4 } })
  const opaque = () => image().removeAlpha().blur(1)
  const encoded = await Promise.all(
    [
      opaque().jpeg(),
      opaque().jpeg({ progressive: true }),
      opaque().greyscale().jpeg(),
      opaque().toColourspace("cmyk").jpeg(),
      opaque().withIccProfile("p3").jpeg(),
      image().png(),
      opaque().png({ palette: true }),
      opaque().png({ progressive: true }),
      opaque().toColourspace("rgb16").withIccProfile("p3").png(),
      image().webp(),
      opaque().webp({ lossless: true }),
      image().avif({ effort: 0 }),
      opaque().withMetadata({ orientation: 6 }).avif({ effort: 0 }),
      image().gif(),
      opaque().tiff({ compression: "lzw" }),
      opaque().tiff({ compression: "deflate", tile: true, tileWidth: 16, tileHeight: 16 }),
      opaque().tiff({ compression: "jpeg" }),
    ].map((picture) => picture.toBuffer()),
  )
  const [jpeg = new Uint8Array()] = encoded
  return [
    ...encoded,
    withOrientation(jpeg, 6),
    gifOf(5, { width: 9, height: 9 }),
    webpOf(2, { width: 9, height: 9 }),
    avifHeader(),
  ]
}

test.each(CODEC_NAMES)(
  `${COUNT} mutated pictures through a lane with the %s codec: each ends in a prediction or a code`,
  async (codec) => {
    const events: string[] = []
    const write = (line: string) => events.push(JSON.parse(line).event)
    const pool = await LanePool.start({
      lanes: 2,
      modelFolders: findModels([writeTinyModel("tiny")], silentLog),
      codec,
      limits: { maxPixels: 1_000_000, maxSidePx: 65_535, maxBytes: 8_000_000 },
      jobTimeoutMs: 20_000,
      log: createLog({ server: "", script: "", write, level: "info" }),
      entry: new URL("../../dist/classifier/lane/lane-thread.js", import.meta.url),
    })
    try {
      const pictures = await seeds()
      const random = randomFrom(SEED)
      const ends: Record<string, number> = {}
      const rssAt: number[] = []
      let left = COUNT
      const feed = async () => {
        while (left-- > 0) {
          if (left % Math.ceil(COUNT / 10) === 0) rssAt.push(process.memoryUsage().rss)
          const bytes = mutate(pictures, random)
          const end = await pool.run({ modelId: "tiny", bytes, operation: { name: "classify", topK: 1 } }).then(
            ({ predictions }) => (predictions?.length === 1 ? "predicted" : "empty"),
            (error) => String(error.code ?? error),
          )
          ends[end] = (ends[end] ?? 0) + 1
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, feed))
      const { predicted = 0, ...codes } = ends
      for (const code of Object.keys(codes)) expect(code, JSON.stringify(ends)).toMatch(EXPECTED)
      expect(predicted).toBeGreaterThan(COUNT / 20)
      expect(Object.values(ends).reduce((sum, count) => sum + count, 0)).toBe(COUNT)
      expect(events).toEqual([])
      // Flat: what the first tenth took is warm-up.
      expect((rssAt.at(-1) ?? 0) - (rssAt[2] ?? 0), `${rssAt.map((rss) => rss >> 20)} MiB`).toBeLessThan(150 * 2 ** 20)
      if (process.env.MUTATIONS)
        process.stdout.write(`${codec} ${JSON.stringify(ends)} ${rssAt.map((rss) => rss >> 20)}\n`)
    } finally {
      await pool.close()
    }
  },
  COUNT * 20 + 60_000,
)

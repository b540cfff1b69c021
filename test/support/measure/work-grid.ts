import { readFile } from "node:fs/promises"
import sharp from "sharp"
import { loadModel } from "../../../src/classifier/engine/tfjs/load-model.ts"
import { startWasm } from "../../../src/classifier/engine/tfjs/start-wasm.ts"
import { DEFAULT_MAX_DECODE_BYTES } from "../../../src/classifier/image/codec.ts"
import type { ImageLimits } from "../../../src/classifier/image/decode-image.ts"
import { openCodec } from "../../../src/classifier/image/open-codec.ts"
import { findModels } from "../../../src/classifier/models/find-models.ts"
import { runOperation } from "../../../src/classifier/operations/run-operation.ts"
import { AppError } from "../../../src/lib/app-error.ts"
import type { ImageFormat } from "../../../src/lib/images/image-formats.ts"
import { readImageHeader, seenImage } from "../../../src/lib/images/image-header.ts"
import { silentLog } from "../../../src/lib/log.ts"
import type { Operation } from "../../../src/lib/operations/operations.ts"
import type { ImageInfo } from "../../../src/lib/queue/job.ts"

const root = (path: string) => new URL(`../../../${path}`, import.meta.url).pathname
const LIMITS: ImageLimits = {
  maxBytes: 64e6,
  maxPixels: 50e6,
  maxSidePx: 65_535,
  maxDecodeBytes: DEFAULT_MAX_DECODE_BYTES,
  maxDecodeMs: 60_000,
}

export type WorkPoint = {
  format: ImageFormat
  width: number
  height: number
  operation: Operation
  /** Of a JPEG: in several scans, as mozjpeg and photo editors for the web write them. */
  isProgressive?: boolean
}
export type MeasuredPoint = WorkPoint & { image: ImageInfo; cpuMs: number }

/** Runs each point through the real operations, one after the other, and takes the least CPU time (all threads) of `rounds`. */
export async function measureWork(
  points: readonly WorkPoint[],
  { rounds }: { rounds: number },
): Promise<MeasuredPoint[]> {
  await startWasm()
  const folder = findModels([root("models")], silentLog)[0]
  if (folder === undefined) throw new Error("Cannot measure work: there is no model")
  const model = await loadModel(folder.id, folder.folder)
  const context = { model, codec: await openCodec("native"), limits: LIMITS, isStopped: () => false, nowMs: Date.now }
  await model.predict() // The first one compiles.
  const measured: MeasuredPoint[] = []
  const pictures = new Map<string, Uint8Array>()
  for (const point of points) {
    const name = `${point.format} ${point.width} ${point.height} ${point.isProgressive}`
    const bytes = pictures.get(name) ?? (await photo(point))
    pictures.set(name, bytes)
    let cpuMs = Number.POSITIVE_INFINITY
    for (let round = 0; round < rounds; round++) {
      const before = process.cpuUsage()
      await runOperation({ operation: point.operation, bytes }, context).catch(unlessNotSmaller)
      const { user, system } = process.cpuUsage(before)
      cpuMs = Math.min(cpuMs, (user + system) / 1_000)
    }
    const image = { ...seenImage(readImageHeader(bytes)), bytes: bytes.length }
    measured.push({ ...point, image, cpuMs })
  }
  return measured
}

/** It is found out at the end of the work. */
function unlessNotSmaller(error: unknown): void {
  if (!(error instanceof AppError && error.code === "not_smaller")) throw error
}

/** A photo of this size, with the grain that a camera's has: what is flat would cost a decoder next to nothing. */
async function photo({ format, width, height, isProgressive: progressive }: WorkPoint): Promise<Uint8Array> {
  const sample = await readFile(root("src/page/samples/balloon.jpg"))
  const grain = {
    width,
    height,
    channels: 3,
    background: "#808080",
    noise: { type: "gaussian", mean: 128, sigma: 6 },
  } as const
  const noise = await sharp({ create: grain }).raw().toBuffer()
  const picture = sharp(sample)
    .resize(width, height, { fit: "fill" })
    .composite([{ input: noise, raw: { width, height, channels: 3 }, blend: "soft-light" }])
  return picture
    .toFormat(format, {
      effort: 1,
      quality: 85,
      ...(format === "png" && { compressionLevel: 1 }),
      ...(progressive && { progressive }),
    })
    .toBuffer()
}

/** Spearman's rank correlation, -1 to 1: Pearson's of the ranks, where equals share the mean of theirs. */
export function rankCorrelation(first: readonly number[], second: readonly number[]): number {
  const [a, b] = [ranksOf(first), ranksOf(second)]
  const mean = (first.length - 1) / 2
  const sum = (term: (i: number) => number) => a.reduce((total, _rank, i) => total + term(i), 0)
  const [da, db] = [(i: number) => (a[i] ?? 0) - mean, (i: number) => (b[i] ?? 0) - mean]
  return sum((i) => da(i) * db(i)) / Math.sqrt(sum((i) => da(i) ** 2) * sum((i) => db(i) ** 2))
}

function ranksOf(values: readonly number[]): number[] {
  return values.map((value) => {
    const less = values.filter((other) => other < value).length
    const equal = values.filter((other) => other === value).length
    return less + (equal - 1) / 2
  })
}

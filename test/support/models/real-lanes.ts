import { existsSync, readdirSync, readFileSync } from "node:fs"
import { loadOnnxRuntime } from "../../../src/classifier/engine/onnx/runtime.ts"
import { CODEC_NAMES, type CodecName } from "../../../src/classifier/image/codec.ts"
import { LanePool } from "../../../src/classifier/lane/lane-pool.ts"
import { inspectModels } from "../../../src/classifier/lane/model-inspector.ts"
import { findModels } from "../../../src/classifier/models/find-models.ts"
import type { EngineName } from "../../../src/classifier/models/model-info.ts"
import { silentLog } from "../../../src/lib/log.ts"
import { newRoot } from "./tiny-model.ts"

const SHARED = new URL("../../../../shared/", import.meta.url).pathname
const MODELS = new URL("../../../models/", import.meta.url).pathname
const IMAGES = `${SHARED}images/`

const ENTRY = new URL("../../../dist/classifier/lane/lane-thread.js", import.meta.url)

export const hasShared = existsSync(IMAGES)
/** A name that says why, so that a run without the pictures is not taken for a whole one. */
export const where = hasShared ? "" : " — SKIPPED: the pictures of ../shared/images are not here"
export const MODEL_IDS = ["efficientnet_lite0", "mobilenet_v2"]

export const picture = (name: string) => readFileSync(IMAGES + name)

export const jpegNames = () =>
  readdirSync(IMAGES, { recursive: true })
    .map(String)
    .filter((name) => /\.jpe?g$/i.test(name) && !name.startsWith("imagenet300/"))

/** What a picture of the labelled ones shows, by its name. */
export function labelIn(fileName: string): string {
  return fileName
    .replace(/^(imagenet\/)?n\d+_/, "")
    .replace(/\.JPEG$/, "")
    .replaceAll("_", " ")
    .toLowerCase()
}

export type RealLanes = Awaited<ReturnType<typeof startRealLanes>>

/** A lane with each codec, both with the embedded model and that of ../shared. */
export async function startRealLanes({ engine = "wasm" }: { engine?: EngineName } = {}) {
  const pools = {} as Record<CodecName, LanePool>
  const folders = findModels([MODELS, `${SHARED}models`], silentLog)
  if (engine === "native") loadOnnxRuntime()
  const { served } = await inspectModels(folders, { engine, entry: ENTRY, copyTo: newRoot() })
  for (const codec of CODEC_NAMES) {
    pools[codec] = await LanePool.start({
      lanes: 1,
      engine,
      models: served,
      codec,
      limits: { maxPixels: 50_000_000, maxSidePx: 65_535, maxBytes: 8_000_000 },
      jobTimeoutMs: 30_000,
      log: silentLog,
      entry: ENTRY,
    })
  }
  return {
    models: pools.native.models,
    /** A copy goes: the lane takes the bytes it is given. */
    classify: (codec: CodecName, modelId: string, bytes: Uint8Array) =>
      pools[codec].run({ modelId, bytes: Uint8Array.from(bytes), operation: { name: "classify", topK: 5 } }),
    close: async () => void (await Promise.all(Object.values(pools).map((pool) => pool.close()))),
  }
}

type Reference = { pictures: Record<string, { top5: { class_index: number; probability: number }[] }> }
/** What the original network says of the labelled pictures. */
export const REFERENCE: Reference = JSON.parse(
  readFileSync(new URL("../../fixtures/efficientnet_lite0-reference.json", import.meta.url), "utf8"),
)

/** By how much the probability of that picture differs from the original network's; 1 if it is another class. */
export async function differenceFromReference(lanes: RealLanes, name: string): Promise<number> {
  // The reference was taken from what jpeg-js decodes; another decoder moves probabilities by 0.011.
  const { predictions } = await lanes.classify("portable", "efficientnet_lite0", picture(name))
  const best = REFERENCE.pictures[name]?.top5[0]
  if (best === undefined || predictions?.[0]?.classIndex !== best.class_index) return 1
  return Math.abs(predictions[0].probability - best.probability)
}

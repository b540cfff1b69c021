import * as z from "zod"
import { modelFilePath } from "../../lib/weights-manifest.ts"
import type { Setting } from "./exports/setting.ts"
import { ModelError } from "./model-error.ts"

export const MANIFEST_FILE = "claimcheck.json"

const perChannel = z.union([z.number(), z.tuple([z.number(), z.number(), z.number()])])
const score = z.number().min(0).max(1)
const sidePx = z.int().min(1).max(2048)

/** What a model folder may say of itself. What it leaves out is found out from the model, or has the default here. */
const manifestSchema = z.strictObject({
  name: z.string().min(1).optional(),
  description: z.string().optional(),
  /** The TF.js model's file, where the folder has several. */
  model: modelFilePath.optional(),
  /** A file of labels, or the labels themselves. */
  labels: z.union([modelFilePath, z.array(z.string()).min(1)]).optional(),
  /** The language of those labels (BCP 47). Others lie beside them: labels.de.txt. */
  language: z.string().min(1).optional(),
  /** Pixels 0..255 become (x - mean) / std. The default maps them to -1..1. */
  input: z
    .strictObject({
      width: sidePx.optional(),
      height: sidePx.optional(),
      mean: perChannel.default(127.5),
      std: perChannel.refine((std) => [std].flat().every((value) => value > 0), "must be above 0").default(127.5),
      /**
       * The order in which the model takes the channels; `mean` and `std` are red, green, blue either way. Left out, it is rgb for
       * three channels, and gray for one.
       */
      channels: z.enum(["rgb", "bgr", "gray"]).optional(),
    })
    .prefault({}),
  /** 256-and-crop with plain bilinear: measured best on ImageNet models. */
  resize: z
    .strictObject({
      fit: z.enum(["crop", "stretch"]).default("crop"),
      crop_fraction: z.number().gt(0).max(1).default(0.875),
      kernel: z.enum(["bilinear"]).default("bilinear"),
    })
    .prefault({}),
  /** Left out, the warm-up tells: outputs that sum to 1 are probabilities. Several labels of a multilabel model may be true at once. */
  output: z.enum(["probabilities", "logits", "multilabel"]).optional(),
  /** Of a multilabel model: from which score on a label is an answer. For all, for each in class order, or by label; else 0.5. */
  thresholds: z.union([score, z.array(score), z.record(z.string(), score)]).optional(),
  /** An answer whose first prediction is less probable is "none of these". */
  unknown_below: z.number().gt(0).max(1).optional(),
  licence: z.string().optional(),
  source: z.string().optional(),
})
export type Manifest = z.infer<typeof manifestSchema>

/**
 * Reads a manifest's text; null stands for a folder without one. What it leaves out, the settings say, the first of a key
 * before the later. Throws a ModelError that names the key.
 */
export function parseManifest(text: string | null, settings: readonly Setting[] = []): Manifest {
  const json = text === null ? {} : parseJson(text)
  for (const { key, value } of settings) fill(json, key.split("."), value)
  const parsed = manifestSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const reasons = parsed.error.issues.map((issue) => `${issue.path.join(".") || "the file"}: ${issue.message}`)
  throw new ModelError("bad_manifest", `Cannot read ${MANIFEST_FILE}: ${reasons.join("; ")}`)
}

/** Where what the manifest says under a key comes from. */
export function sourceOf(
  key: string,
  { text, settings }: { text: string | null; settings: readonly Setting[] },
): string {
  const own = text === null ? {} : parseJson(text)
  const said = key.split(".").reduce<unknown>((json, name) => (isObject(json) ? json[name] : undefined), own)
  return said === undefined ? (settings.find((setting) => setting.key === key)?.from ?? "default") : MANIFEST_FILE
}

function fill(json: unknown, [name = "", ...deeper]: string[], value: unknown): void {
  // What is no object where one should be is left for the schema to name.
  if (!isObject(json)) return
  json[name] ??= deeper.length === 0 ? value : {}
  if (deeper.length > 0) fill(json[name], deeper, value)
}

function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ModelError("bad_manifest", `Cannot read ${MANIFEST_FILE}: it is not JSON`, { cause })
  }
}

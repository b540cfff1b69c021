import * as z from "zod"
import { ModelError } from "./model-error.ts"

export const MANIFEST_FILE = "claimcheck.json"

const perChannel = z.union([z.number(), z.tuple([z.number(), z.number(), z.number()])])
const sidePx = z.int().min(1).max(2048)

/** What a model folder may say of itself. What it leaves out is found out from the model, or has the default here. */
export const manifestSchema = z.strictObject({
  name: z.string().min(1).optional(),
  description: z.string().optional(),
  labels: z.string().min(1).default("labels.txt"),
  /** Pixels 0..255 become (x - mean) / std. The default maps them to -1..1. */
  input: z
    .strictObject({
      width: sidePx.optional(),
      height: sidePx.optional(),
      mean: perChannel.default(127.5),
      std: perChannel.refine((std) => [std].flat().every((value) => value > 0), "must be above 0").default(127.5),
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
  /** Left out, the warm-up tells: outputs that sum to 1 are probabilities. */
  output: z.enum(["probabilities", "logits"]).optional(),
  licence: z.string().optional(),
  source: z.string().optional(),
})
export type Manifest = z.infer<typeof manifestSchema>

/** Reads a manifest's text; null stands for a folder without one. Throws a ModelError that names the key. */
export function parseManifest(text: string | null): Manifest {
  const parsed = manifestSchema.safeParse(text === null ? {} : parseJson(text))
  if (parsed.success) return parsed.data
  const reasons = parsed.error.issues.map((issue) => `${issue.path.join(".") || "the file"}: ${issue.message}`)
  throw new ModelError("bad_manifest", `Cannot read ${MANIFEST_FILE}: ${reasons.join("; ")}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ModelError("bad_manifest", `Cannot read ${MANIFEST_FILE}: it is not JSON`, { cause })
  }
}

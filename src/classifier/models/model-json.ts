import type { io } from "@tensorflow/tfjs"
import * as z from "zod"
import { hasStrings, weightBytesOf, weightsManifestSchema } from "../../lib/weights-manifest.ts"
import { adaptKeras3 } from "./exports/keras-3.ts"
import { ModelError } from "./model-error.ts"

const modelJsonSchema = z.looseObject({
  format: z.string().nullish(),
  generatedBy: z.string().nullish(),
  convertedBy: z.string().nullish(),
  modelTopology: z.looseObject({}),
  weightsManifest: weightsManifestSchema,
  signature: z.looseObject({}).nullish(),
})

export type ModelJson = {
  /** Its name in the folder. */
  file: string
  kind: "layers" | "graph"
  /** Shards, in the order in which their bytes are joined. */
  shardPaths: string[]
  /** How many bytes the shards must have together. */
  weightBytes: number
  /** Strings are as long as they are: then the shards may have more bytes than that. */
  hasStrings: boolean
  /** Which program wrote it, as far as the file says. */
  writtenBy: string | null
  /** Everything TF.js asks of an IOHandler but the bytes of the weights. */
  artifacts: io.ModelArtifacts & { modelTopology: object }
}

/** Reads the TF.js model format, of both kinds. Throws a ModelError where it is not that. */
export function parseModelJson(text: string, file = "model.json"): ModelJson {
  const json = readSchema(text, file)
  const kind = kindOf(json, file)
  const weightSpecs = json.weightsManifest.flatMap((group) => group.weights) as io.WeightsManifestEntry[]
  const network = { modelTopology: json.modelTopology, weightSpecs }
  return {
    file,
    kind,
    shardPaths: json.weightsManifest.flatMap((group) => group.paths),
    weightBytes: weightBytesOf(json.weightsManifest),
    hasStrings: hasStrings(json.weightsManifest),
    writtenBy: writerOf(json),
    artifacts: {
      ...(kind === "layers" ? adaptKeras3(network) : network),
      ...(json.format ? { format: json.format } : {}),
      ...(json.signature ? { signature: json.signature } : {}),
    },
  }
}

function readSchema(text: string, file: string): z.infer<typeof modelJsonSchema> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new ModelError("bad_model_json", `Cannot read ${file}: it is not JSON`, { cause })
  }
  const parsed = modelJsonSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new ModelError("bad_model_json", `Cannot read ${file}: ${issue?.path.join(".")}: ${issue?.message}`)
}

/**
 * By the topology, as TF.js reads it: many genuine exports have no `format`. Keras' converter puts a layers model below
 * `model_config`, TF.js itself (and so Teachable Machine) puts `class_name` and `config` at the top.
 */
function kindOf({ modelTopology, format }: z.infer<typeof modelJsonSchema>, file: string): "layers" | "graph" {
  if ("node" in modelTopology) return "graph"
  if ("model_config" in modelTopology || "class_name" in modelTopology) return "layers"
  const said = format ? `format is ${JSON.stringify(format)}, and ` : ""
  const needed = "node (a graph model), model_config or class_name (a layers model)"
  throw new ModelError("bad_model_json", `Cannot read ${file}: ${said}modelTopology has none of ${needed}`)
}

function writerOf({ generatedBy, convertedBy, modelTopology }: z.infer<typeof modelJsonSchema>): string | null {
  const { keras_version: version } = modelTopology
  const writers = [convertedBy, generatedBy ?? (typeof version === "string" ? `Keras ${version}` : null)]
  return writers.filter(Boolean).join(", of ") || null
}

import type { io } from "@tensorflow/tfjs-core"
import * as z from "zod"
import { weightBytesOf, weightsManifestSchema } from "../../lib/weights-manifest.ts"
import { ModelError } from "./model-error.ts"

const modelJsonSchema = z.looseObject({
  format: z.string().nullish(),
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
  /** Everything TF.js asks of an IOHandler but the bytes of the weights. */
  artifacts: io.ModelArtifacts & { modelTopology: object }
}

/** Reads the TF.js model format, of both kinds. Throws a ModelError where it is not that. */
export function parseModelJson(text: string, file = "model.json"): ModelJson {
  const json = readSchema(text, file)
  return {
    file,
    kind: kindOf(json, file),
    shardPaths: json.weightsManifest.flatMap((group) => group.paths),
    weightBytes: weightBytesOf(json.weightsManifest),
    artifacts: {
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest.flatMap((group) => group.weights) as io.WeightsManifestEntry[],
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

/** Older exports leave `format` out; the topology shows it as well. */
function kindOf(json: z.infer<typeof modelJsonSchema>, file: string): "layers" | "graph" {
  if (json.format === "graph-model" || "node" in json.modelTopology) return "graph"
  if (json.format === "layers-model" || "model_config" in json.modelTopology) return "layers"
  throw new ModelError("bad_model_json", `Cannot read ${file}: format is neither layers-model nor graph-model`)
}

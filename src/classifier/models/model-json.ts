import type { io } from "@tensorflow/tfjs-core"
import * as z from "zod"
import { ModelError } from "./model-error.ts"

const weightSpec = z.looseObject({
  name: z.string(),
  shape: z.array(z.int().min(0)),
  dtype: z.enum(["float32", "int32", "bool"]),
  quantization: z.looseObject({ dtype: z.enum(["uint8", "uint16", "float16"]) }).optional(),
})
type WeightSpec = z.infer<typeof weightSpec>

const modelJsonSchema = z.looseObject({
  format: z.string().nullish(),
  modelTopology: z.looseObject({}),
  weightsManifest: z.array(z.object({ paths: z.array(z.string()), weights: z.array(weightSpec) })).min(1),
  signature: z.looseObject({}).nullish(),
})

export type ModelJson = {
  kind: "layers" | "graph"
  /** Shards, in the order in which their bytes are joined. */
  shardPaths: string[]
  /** How many bytes the shards must have together. */
  weightBytes: number
  /** Everything TF.js asks of an IOHandler but the bytes of the weights. */
  artifacts: io.ModelArtifacts
}

/** Reads the TF.js model format, of both kinds. Throws a ModelError where it is not that. */
export function parseModelJson(text: string): ModelJson {
  const json = readSchema(text)
  const weights = json.weightsManifest.flatMap((group) => group.weights)
  const shardPaths = json.weightsManifest.flatMap((group) => group.paths)
  const outside = shardPaths.find((path) => path.startsWith("/") || path.split(/[/\\]/).includes(".."))
  if (outside !== undefined) {
    throw new ModelError("bad_model_json", `Cannot read model.json: shard ${outside} lies outside the model's folder`)
  }
  return {
    kind: kindOf(json),
    shardPaths,
    weightBytes: weights.reduce((sum, spec) => sum + bytesOf(spec), 0),
    artifacts: {
      modelTopology: json.modelTopology,
      weightSpecs: weights as io.WeightsManifestEntry[],
      ...(json.format ? { format: json.format } : {}),
      ...(json.signature ? { signature: json.signature } : {}),
    },
  }
}

function readSchema(text: string): z.infer<typeof modelJsonSchema> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new ModelError("bad_model_json", "Cannot read model.json: it is not JSON", { cause })
  }
  const parsed = modelJsonSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new ModelError("bad_model_json", `Cannot read model.json: ${issue?.path.join(".")}: ${issue?.message}`)
}

/** Older exports leave `format` out; the topology shows it as well. */
function kindOf(json: z.infer<typeof modelJsonSchema>): "layers" | "graph" {
  if (json.format === "graph-model" || "node" in json.modelTopology) return "graph"
  if (json.format === "layers-model" || "model_config" in json.modelTopology) return "layers"
  throw new ModelError("bad_model_json", "Cannot read model.json: format is neither layers-model nor graph-model")
}

const BYTES_PER_VALUE = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 }

function bytesOf({ shape, dtype, quantization }: WeightSpec): number {
  return shape.reduce((product, side) => product * side, 1) * BYTES_PER_VALUE[quantization?.dtype ?? dtype]
}

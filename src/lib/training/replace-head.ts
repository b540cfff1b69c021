import { bytesOfWeight, type WeightsManifest } from "../weights-manifest.ts"
import { cutGraph } from "./cut-graph.ts"
import { cutLayers } from "./cut-layers.ts"
import type { Head } from "./head.ts"
import type { CutModel, ModelJson, SavedModel } from "./saved-model.ts"

type Weight = { spec: WeightsManifest[number]["weights"][number]; bytes: Uint8Array<ArrayBuffer> }

export const SHARD_BYTES = 4 * 2 ** 20

/**
 * The network with another last layer: a dense one with softmax in the place of its last dense layer and all that follows.
 * @throws RangeError for a network that does not end in a dense layer of as many features
 */
export function replaceHead({ json, weights }: SavedModel, head: Head): SavedModel {
  const cut = cutModel(json, head)
  const features = head.kernel.length / head.classes
  const all = splitWeights(json.weightsManifest, weights)
  const kept = all.filter(({ spec }) => cut.keeps(spec.name))
  const made: Weight[] = [
    { spec: { name: cut.kernel, shape: [features, head.classes], dtype: "float32" }, bytes: toBytes(head.kernel) },
    { spec: { name: cut.bias, shape: [head.classes], dtype: "float32" }, bytes: toBytes(head.bias) },
  ]
  const own = [...kept, ...made]
  const size = own.reduce((sum, { bytes }) => sum + bytes.byteLength, 0)
  const joined = new Uint8Array(size)
  let offset = 0
  for (const { bytes } of own) {
    joined.set(bytes, offset)
    offset += bytes.byteLength
  }
  const shards = Math.max(1, Math.ceil(size / SHARD_BYTES))
  const paths = Array.from({ length: shards }, (_, at) => `group1-shard${at + 1}of${shards}.bin`)
  return { json: { ...cut.json, weightsManifest: [{ paths, weights: own.map(({ spec }) => spec) }] }, weights: joined }
}

/** @throws RangeError where replaceHead() would, whatever the features */
export function assertReplaceable(json: ModelJson): void {
  cutModel(json, null)
}

function cutModel(json: ModelJson, head: Head | null): CutModel {
  const classes = head?.classes ?? 0
  const features = head === null ? null : head.kernel.length / classes
  return "node" in json.modelTopology ? cutGraph(json, { classes, features }) : cutLayers(json, { classes, features })
}

/** The files of a saved model's weights, by name. */
export function shardsOf({ json, weights }: SavedModel): Map<string, Uint8Array<ArrayBuffer>> {
  const paths = json.weightsManifest.flatMap((group) => group.paths)
  return new Map(paths.map((path, at) => [path, weights.subarray(at * SHARD_BYTES, (at + 1) * SHARD_BYTES)]))
}

function splitWeights(manifest: WeightsManifest, weights: Uint8Array<ArrayBuffer>): Weight[] {
  let offset = 0
  return manifest
    .flatMap((group) => group.weights)
    .map((spec) => {
      if (spec.dtype === "string") throw new RangeError(`Cannot replace the last layer: ${spec.name} holds strings`)
      const start = offset
      offset += bytesOfWeight(spec)
      return { spec, bytes: weights.subarray(start, offset) }
    })
}

/** Float32, little-endian, as TF.js keeps weights. */
function toBytes(values: Float64Array): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(4 * values.length))
  for (const [at, value] of values.entries()) view.setFloat32(4 * at, value, true)
  return new Uint8Array(view.buffer)
}

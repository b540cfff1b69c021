import { type Labels, labelsIn } from "../models/labels.ts"
import type { Manifest } from "../models/manifest.ts"
import type { ModelInfo } from "../models/model-info.ts"
import type { Network } from "./network.ts"
import type { InputSize } from "./tensor-shapes.ts"
import { type Output, toProbabilities } from "./to-probabilities.ts"

/** What a model is, apart from its network: plain data, so that it can be kept in a file. */
export type ModelDescription = {
  info: ModelInfo
  manifest: Manifest
  labels: Labels
  /** From which score on each label is an answer; null where classes exclude each other. */
  thresholds: readonly number[] | null
  size: InputSize
  output: Output
}

/** What answers for a model. */
export type ServingModel = {
  info: ModelInfo
  /** In class order; in the language asked for where the model has it, else as it came. */
  labels: (language?: string) => readonly string[]
  manifest: Manifest
  thresholds: ModelDescription["thresholds"]
  /** Which channels it takes, in which order. */
  channels: InputSize["channels"]
  /** Height × width × channels values, normalised; filled anew for each image, so that none is allocated per job. */
  input: Float32Array
  /** Probabilities in class order for what `input` holds now. */
  predict: () => Promise<Float32Array>
  /** The features of what `input` holds now; null where the network has none. */
  embed: () => Promise<Float32Array | null>
  dispose: () => void
}

/** Lets a network answer for the model that it belongs to. */
export function servingModel(
  { info, manifest, labels, thresholds, size, output }: ModelDescription,
  network: Network,
): ServingModel {
  const input = newInput(size)
  return {
    info: { ...info, memoryBytes: network.memoryBytes + input.byteLength },
    labels: (language) => labelsIn(labels, language),
    manifest,
    thresholds,
    channels: size.channels,
    input,
    predict: async () => toProbabilities(await network.run(input), output),
    embed: async () => (await network.features?.(input)) ?? null,
    dispose: () => network.dispose(),
  }
}

export function newInput({ tensorShape }: InputSize): Float32Array {
  return new Float32Array(tensorShape.reduce((product, side) => product * side, 1))
}

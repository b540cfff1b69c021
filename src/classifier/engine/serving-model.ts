import type { Labels } from "../models/labels.ts"
import type { Manifest } from "../models/manifest.ts"
import type { ModelInfo } from "../models/model-info.ts"
import type { ModelFiles } from "../models/read-model-files.ts"
import type { InputSize } from "./tensor-shapes.ts"

/** What answers for a model. */
export type ServingModel = {
  info: ModelInfo
  /** In class order; in the language asked for where the model has it, else as it came. */
  labels: (language?: string) => readonly string[]
  manifest: Manifest
  /** Which channels it takes, in which order. */
  channels: InputSize["channels"]
  /** Height × width × channels values, normalised; filled anew for each image, so that none is allocated per job. */
  input: Float32Array
  /** Probabilities in class order for what `input` holds now. */
  predict: () => Float32Array
  dispose: () => void
}

/** And what it was made from: for a large model some tens of megabytes, which who only serves it lets go. */
export type LoadedModel = ServingModel & {
  /** What its output was taken for, and what said so. */
  output: { kind: OutputKind; from: string }
  /** The labels it answers with. */
  named: Labels
  files: ModelFiles
}

export type OutputKind = "probabilities" | "logits"

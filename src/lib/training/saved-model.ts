import type { WeightsManifest } from "../weights-manifest.ts"

/** A TF.js model: its JSON, and the bytes of its shards in one piece. */
export type SavedModel = { json: ModelJson; weights: Uint8Array<ArrayBuffer> }
export type ModelJson = {
  modelTopology: Record<string, unknown>
  weightsManifest: WeightsManifest
  [field: string]: unknown
}
/** Names of the weights that stay, and of the new layer's two. */
export type CutModel = { json: ModelJson; keeps: (weight: string) => boolean; kernel: string; bias: string }

/** A dense layer; null features match any number of them. */
export type NewLayer = { classes: number; features: number | null }

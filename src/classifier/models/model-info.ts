/** What computes: TF.js in WASM, which every install has, or onnxruntime-node, which a user adds. */
export const ENGINE_NAMES = ["wasm", "native"] as const
export type EngineName = (typeof ENGINE_NAMES)[number]

/** How a model is computed. Without a plan it runs as TF.js loads it, for a reason; `isWrong` when a plan answered otherwise. */
export type ServedBy = { engine: EngineName; plan: boolean; reason?: string; isWrong?: boolean }

/** What the rest of the system may know of a loaded model. Plain data, so that it crosses threads and goes to Redis as it is. */
export type ModelInfo = {
  /** The name of its folder. */
  id: string
  /** First 12 hex digits of a hash over its files: the same version gives the same answers. */
  version: string
  name: string
  inputWidth: number
  inputHeight: number
  /** How many classes it knows. */
  labels: number
  /** The languages its labels are known to be in (BCP 47); empty where the folder does not say. */
  languages: string[]
  servedBy: ServedBy
  /** What its weights and its input hold in a lane. */
  memoryBytes: number
  description?: string
  licence?: string
  source?: string
}

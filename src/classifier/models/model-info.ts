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
  /** What its weights and its input hold in a lane, by TF.js's own count. */
  memoryBytes: number
  description?: string
  licence?: string
  source?: string
}

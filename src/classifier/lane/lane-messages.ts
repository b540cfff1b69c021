import type { ErrorCode } from "../../lib/app-error.ts"
import type { Prediction } from "../../lib/job.ts"
import type { CodecName } from "../image/codec.ts"
import type { ImageLimits } from "../image/decode-image.ts"
import type { ModelFolder } from "../models/find-models.ts"
import type { ModelErrorCode } from "../models/model-error.ts"
import type { ModelInfo } from "../models/model-info.ts"

export type LaneJob = {
  modelId: string
  bytes: Uint8Array
  topK: number
  /** Of the labels (BCP 47), where the model has it. */
  language?: string
}

export type LaneResult = {
  modelVersion: string
  /** Best first. */
  predictions: Prediction[]
  /** Width and height as the image is seen, after its orientation. */
  image: { format: string; width: number; height: number; orientation: number }
  /** `decode` is from bytes to the model's input. */
  timingsMs: { decode: number; infer: number }
}

export type LaneStats = { tensors: number; tensorBytes: number; heapBytes: number; externalBytes: number }

/** A model folder that a lane left out, and why. */
export type BrokenModel = ModelFolder & { code: ModelErrorCode; message: string }

/** What a lane is born with. */
export type LaneSetup = {
  modelFolders: readonly ModelFolder[]
  codec: CodecName
  limits: ImageLimits
  /** An Int32 that holds the number of the job to stop: a lane at work reads no messages. */
  stopFlag: SharedArrayBuffer
}

export type ToLane = { type: "job"; jobNumber: number; job: LaneJob } | { type: "stats" }

export type FromLane =
  | { type: "ready"; models: ModelInfo[]; broken: BrokenModel[] }
  | { type: "done"; jobNumber: number; result: LaneResult }
  | { type: "refused"; jobNumber: number; code: ErrorCode; message: string }
  | { type: "stopped"; jobNumber: number }
  | { type: "stats"; stats: LaneStats }

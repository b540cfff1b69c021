import type { ErrorCode } from "../../lib/app-error.ts"
import type { CodecName } from "../image/codec.ts"
import type { ImageLimits } from "../image/decode-image.ts"
import type { ModelFolder } from "../models/find-models.ts"
import type { EngineName, ModelInfo } from "../models/model-info.ts"
import type { BrokenModel, ServedFolder } from "../models/served-folder.ts"
import type { LaneJob, LaneResult } from "../operations/work.ts"

export type LaneStats = { tensors: number; tensorBytes: number; heapBytes: number; externalBytes: number }

/** A model as a lane holds it. */
export type HeldModel = Pick<ModelInfo, "id" | "version" | "memoryBytes">

/** What a lane is born with. */
export type LaneSetup = {
  engine: EngineName
  /** Loaded and warm before the lane takes its first job. */
  preload: readonly ServedFolder[]
  /** What the models it holds may take together; one alone may take more. */
  modelMemoryBytes: number
  codec: CodecName
  limits: ImageLimits
  /** An Int32 that holds the number of the job to stop: a lane at work reads no messages. */
  stopFlag: SharedArrayBuffer
}

export type ToLane =
  | { type: "job"; jobNumber: number; job: LaneJob; model: ServedFolder | null }
  /** Check a folder; keep a copy of what was read, and its plan, below `copyTo`. */
  | { type: "inspect"; model: ModelFolder; copyTo: string | null }
  | { type: "stats" }

export type FromLane =
  | { type: "ready" }
  | { type: "done"; jobNumber: number; result: LaneResult }
  | { type: "refused"; jobNumber: number; code: ErrorCode; message: string }
  | { type: "stopped"; jobNumber: number }
  /** The version that the job is for cannot be loaded any more. */
  | { type: "unloadable"; jobNumber: number; message: string }
  /** What the lane holds has changed. */
  | { type: "holds"; models: HeldModel[]; loads: number; unloads: number }
  | { type: "inspected"; model: ServedFolder }
  | { type: "broken"; model: BrokenModel }
  | { type: "stats"; stats: LaneStats }

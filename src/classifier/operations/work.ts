import type { Operation, OperationName, OperationOf } from "../../lib/operations/operations.ts"
import type { ImageInfo, JobResult } from "../../lib/queue/job.ts"
import type { ServingModel } from "../engine/serving-model.ts"
import type { Codec } from "../image/codec.ts"
import type { ImageLimits } from "../image/decode-image.ts"
import type { MadeFile } from "./native-image.ts"

/** One operation on one picture, as a lane gets it. */
export type LaneJob = { operation: Operation; modelId?: string; bytes: Uint8Array }

export type LaneResult = Pick<JobResult, "modelVersion" | "predictions" | "unknown" | "scores" | "features"> & {
  /** The file that the operation has made, if it makes one. */
  made?: MadeFile
  /** Width and height as the image is seen, after its orientation. */
  image: Omit<ImageInfo, "bytes" | "sha256">
  /** `decode` is from bytes to the model's input. */
  timingsMs: { decode: number; infer: number }
}

export type WorkContext = {
  /** What the operation needs, if it needs one. */
  model: ServingModel | null
  codec: Codec
  limits: ImageLimits
  /** Looked at between stages. */
  isStopped: () => boolean
  nowMs: () => number
}

/**
 * Does one operation, on a lane's thread; null when it was stopped on the way. Throws an AppError for bad input: anything else
 * ends the thread.
 */
export type Work<N extends OperationName> = (
  job: Omit<LaneJob, "operation"> & { operation: OperationOf<N> },
  context: WorkContext,
) => LaneResult | null | Promise<LaneResult | null>

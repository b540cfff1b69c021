import type { OperationName, OperationOf } from "../../lib/operations/operations.ts"
import type { ServingModel } from "../engine/tfjs/load-model.ts"
import type { Codec } from "../image/codec.ts"
import type { ImageLimits } from "../image/decode-image.ts"
import type { LaneJob, LaneResult } from "../lane/lane-messages.ts"

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

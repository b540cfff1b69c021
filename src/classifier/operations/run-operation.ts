import type { OperationName, OperationOf } from "../../lib/operations.ts"
import type { Codec } from "../image/codec.ts"
import type { ImageLimits } from "../image/decode-image.ts"
import type { LaneJob, LaneResult } from "../lane/lane-messages.ts"
import type { ServingModel } from "../models/load-model.ts"
import { classify } from "./classify.ts"
import { compress } from "./compress.ts"
import { inspect } from "./inspect.ts"
import { resize } from "./resize.ts"

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

const WORK: { [N in OperationName]: Work<N> } = { classify, compress, inspect, resize }

export async function runOperation(job: LaneJob, context: WorkContext): Promise<LaneResult | null> {
  // The table has each operation's own work; a union of functions cannot be called with a union.
  const work = WORK[job.operation.name] as Work<OperationName>
  return work(job, context)
}

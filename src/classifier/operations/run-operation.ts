import type { OperationName } from "../../lib/operations/operations.ts"
import { classify } from "./classify.ts"
import { compress } from "./compress.ts"
import { embed } from "./embed.ts"
import { inspect } from "./inspect.ts"
import { resize } from "./resize.ts"
import type { LaneJob, LaneResult, Work, WorkContext } from "./work.ts"

const WORK: { [N in OperationName]: Work<N> } = { classify, compress, embed, inspect, resize }

export async function runOperation(job: LaneJob, context: WorkContext): Promise<LaneResult | null> {
  // The table has each operation's own work; a union of functions cannot be called with a union.
  const work = WORK[job.operation.name] as Work<OperationName>
  return work(job, context)
}

import { encodeJob } from "../queue/job.ts"
import { BATCH_SHARE, finishTagStep, jobCost } from "../queue/job-cost.ts"
import { type BatchPlan, pictureJobId } from "./batch.ts"

export type Picture = {
  /** Its number within the batch. */
  picture: number
  /** The first row that it occurs in, counted from 1. */
  row: number
  url: string
}

/** The record of a picture's job, ready for the script that puts it into the queue. It may wait as long as its batch may. */
export function encodePictureJob(
  plan: BatchPlan,
  { picture, row, url }: Picture,
  { nowMs, deadlineMs }: { nowMs: number; deadlineMs: number },
): string {
  return encodeJob({
    id: pictureJobId(plan.id, picture),
    ...(plan.model !== undefined && { model: plan.model }),
    queue: plan.queue,
    caller: plan.caller,
    batch: { id: plan.id, row, picture, keepUntilMs: plan.keepUntilMs },
    bytes: 0,
    createdMs: nowMs,
    deadlineMs,
    attempts: 0,
    maxAttempts: plan.maxAttempts,
    start: "0",
    span: finishTagStep(jobCost({ operation: plan.operation }), plan.weight * BATCH_SHARE),
    state: "queued",
    input: {
      ticketId: `${plan.ticketId}/${picture}`,
      operation: plan.operation,
      source: { kind: "url", url },
      fingerprint: "",
      ...(plan.trace !== undefined && { trace: plan.trace }),
    },
  })
}

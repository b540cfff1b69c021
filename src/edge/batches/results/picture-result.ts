import type { Batch } from "../../../lib/batches/batch.ts"
import type { JobError, JobResult } from "../../../lib/queue/job.ts"

/** The result of one image. */
export type PictureResult = {
  url?: string /** Which has, or was to; operators can move jobs to another. */
  model?: string
} & ({ status: "succeeded"; result: JobResult } | { status: "failed"; error: JobError } | { status: "canceled" })

type StoredEnd = { state: string; model?: string; input: string; result?: string; error?: string }

/** The result of an image from its job's record, without a schema: checking 100,000 records would exceed a Worker's CPU time. */
export function readPictureResult({ progress }: Batch, picture: number, text: string | null): PictureResult {
  if (text === null) {
    // Past the cursor there never was a job.
    if (picture < progress.cursor) return failed("payload_expired", "The result has expired")
    if (progress.ended === "canceled") return { status: "canceled" }
    const { code, message } = progress.error ?? {
      code: "deadline_exceeded",
      message: "The batch had reached its deadline",
    }
    return failed(code, message)
  }
  const { state, model, input, result, error } = JSON.parse(text) as StoredEnd
  const { source } = JSON.parse(input) as { source?: { url?: string } }
  const about = { ...(source?.url !== undefined && { url: source.url }), ...(model !== undefined && { model }) }
  if (state === "succeeded" && result !== undefined) {
    return { ...about, status: "succeeded", result: JSON.parse(result) as JobResult }
  }
  if (state === "canceled") return { ...about, status: "canceled" }
  if (state === "failed" && error !== undefined) {
    return { ...about, status: "failed", error: JSON.parse(error) as JobError }
  }
  // A dead letter that was sent again, just now.
  return { ...about, ...failed("result_pending", "The picture is being tried again") }
}

function failed(code: JobError["code"], message: string): PictureResult {
  return { status: "failed", error: { code, message } }
}

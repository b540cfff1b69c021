import { expect, it } from "vitest"
import { logMoved } from "../../src/classifier/log-moved.ts"
import type { Job } from "../../src/lib/job.ts"
import { createLog } from "../../src/lib/log.ts"

const TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
const JOB = {
  id: "a",
  queue: "m",
  attempts: 3,
  input: { trace: `00-${TRACE_ID}-b7ad6b7169203331-01` },
}
const logged = (job: object) => {
  const lines: string[] = []
  logMoved(createLog({ server: "s", script: "classifier", write: (line) => lines.push(line) }), job as Job)
  return lines.map((line) => JSON.parse(line))
}

it("logMoved() writes a line that is found by the job and by its trace", () => {
  const about = { jobId: "a", queue: "m", attempt: 3, traceId: TRACE_ID }
  const error = { code: "attempts_exhausted", message: "Given up after 3 attempts" }
  expect(logged({ ...JOB, state: "queued" })).toMatchObject([{ event: "job.retried", ...about }])
  expect(logged({ ...JOB, state: "failed", error })).toMatchObject([
    { event: "job.failed", ...about, code: error.code, reason: error.message },
  ])
  expect(logged({ ...JOB, state: "queued", input: {} })[0]).not.toHaveProperty("traceId")
})

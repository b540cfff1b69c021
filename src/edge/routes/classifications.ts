import { AppError } from "../../lib/app-error.ts"
import { assertMayRead } from "../caller.ts"
import { preferredWaitMs } from "../prefer.ts"
import { readUpload, wantsFreshAnswer } from "../read-upload.ts"
import { type EdgeContext, newRouter } from "../router.ts"
import { submit } from "../submit.ts"
import { parseSubmitOptions } from "../submit-options.ts"
import { ticketResponse } from "../ticket-response.ts"
import { verifyTicket } from "../verify-ticket.ts"
import { describeAccepted, describeJob, readJob, waitForJob } from "../watch-ticket.ts"

export const classifications = newRouter()

classifications.post("/", async (c) => {
  const { services, caller } = c.var
  const { bytes, options } = await readUpload(c.req.raw, services.config.MAX_IMAGE_BYTES)
  const accepted = await submit(services, {
    bytes,
    options: parseSubmitOptions(options),
    caller,
    idempotencyKey: readIdempotencyKey(c),
    noCache: wantsFreshAnswer(c.req.raw),
  })
  const waitMs = preferredWaitMs(c.req.header("prefer"))
  const ticket = await describeAccepted(services, accepted, { waitMs, signal: c.req.raw.signal })
  if (waitMs > 0) c.header("Preference-Applied", `wait=${waitMs / 1_000}`)
  return ticketResponse(c, ticket, ticket.done ? 200 : 202)
})

classifications.get("/:id", async (c) => {
  const { services, caller } = c.var
  const job = await readJob(services, await verifyTicket(c))
  assertMayRead(caller, job)
  const waitMs = preferredWaitMs(c.req.header("prefer"))
  const latest = waitMs > 0 ? await waitForJob(services, job, waitMs, c.req.raw.signal) : job
  if (waitMs > 0) c.header("Preference-Applied", `wait=${waitMs / 1_000}`)
  return ticketResponse(c, await describeJob(services, latest), 200)
})

classifications.delete("/:id", async (c) => {
  const { services, caller } = c.var
  const jobId = await verifyTicket(c)
  assertMayRead(caller, await services.store.read(jobId))
  const { status } = await services.store.cancel(jobId, services.now())
  const job = await readJob(services, jobId)
  assertMayRead(caller, job)
  if (status === "finished") {
    throw new AppError("already_finished", `Cannot cancel: the ticket has finished already, as ${job.state}`)
  }
  services.log.info("job.canceled", { jobId })
  return ticketResponse(c, await describeJob(services, job), 200)
})

/** @throws AppError bad_request for a key that is empty or too long */
function readIdempotencyKey(c: EdgeContext): string | undefined {
  const key = c.req.header("idempotency-key")
  if (key !== undefined && (key === "" || key.length > 255)) {
    throw new AppError("bad_request", "Cannot accept the request: an Idempotency-Key has 1 to 255 characters")
  }
  return key
}

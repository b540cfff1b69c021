import * as z from "zod"
import { AppError } from "../../lib/app-error.ts"
import { MAX_WAIT_S } from "../config.ts"
import { problemResponse } from "../http/problem.ts"
import { receiveBody } from "../limits/apply-limits.ts"
import { createRoute } from "../openapi/api-route.ts"
import { ENQUEUE_ERRORS, JOB_ERRORS, UPLOAD_ERRORS } from "../openapi/error-codes.ts"
import { imageUpload } from "../openapi/image-upload.ts"
import { problemSchema } from "../openapi/problem-schema.ts"
import { newRouter } from "../router.ts"
import { waitForJob } from "../tickets/watch-ticket.ts"
import { readUpload, wantsFreshAnswer } from "../uploads/read-upload.ts"
import { submit } from "../uploads/submit.ts"
import { parseSubmitOptions } from "../uploads/submit-options.ts"

const answerSchema = z.object({
  success: z.literal(true),
  predictions: z.array(z.object({ label: z.string(), probability: z.number() })).meta({ description: "Best first" }),
})

const create = createRoute({
  method: "post",
  path: "/predict",
  operationId: "predict",
  tag: "Tutorial",
  summary: "Upload an image and wait for the result",
  description: `Compatible with clients of the Keras + Redis + Flask tutorial. Waits up to ${MAX_WAIT_S} s, or not at all if the caller already has a hundred waits.`,
  access: "caller",
  request: imageUpload,
  responses: { 200: { description: "The result", content: { "application/json": answerSchema } } },
  errors: [...UPLOAD_ERRORS, ...ENQUEUE_ERRORS, ...JOB_ERRORS, "result_pending", "already_finished"],
  problem: problemSchema
    .extend({
      success: z.literal(false),
      ticket: z.string().optional().meta({ description: "Path of the ticket, if the result was not ready in time" }),
    })
    .meta({ id: "PredictProblem" }),
})

/**
 * The contract of the Keras + Redis + Flask tutorial: a form with `image`, an answer that waits, `success` in every answer
 * (https://www.pyimagesearch.com/2018/01/29/scalable-keras-deep-learning-rest-api/).
 */
export const predict = newRouter()

predict.openapi(create, async (c) => {
  const { services, caller } = c.var
  const { job: submitted } = await receiveBody(c, async (body) => {
    const upload = await readUpload(body, services.config.MAX_IMAGE_BYTES)
    const options = parseSubmitOptions(upload.options)
    if (options.operation.name !== "classify") {
      throw new AppError("invalid_options", "Cannot accept options: operation: /predict only classifies")
    }
    const { source } = upload
    return submit(services, { source, options, caller, noCache: wantsFreshAnswer(c.req.raw), trace: c.var.trace })
  })
  const { job, waitMs } = await services.heldWaits.hold(caller.id, MAX_WAIT_S * 1_000, async (waitMs) => ({
    job: await waitForJob(services, submitted, waitMs, c.req.raw.signal),
    waitMs,
  }))
  switch (job.state) {
    case "succeeded": {
      const predictions = job.result.predictions?.map(({ label, probability }) => ({ label, probability }))
      return c.json({ success: true, predictions })
    }
    case "failed":
      throw new AppError(job.error.code, job.error.message)
    case "canceled":
      throw new AppError("already_finished", "The job was canceled")
    case "queued":
    case "processing": {
      const ticket = job.input.ticketId
      const error = new AppError("result_pending", `No result within ${waitMs / 1_000} s; its ticket is ${ticket}`)
      return problemResponse(c, error, { success: false, ticket })
    }
    default:
      return job satisfies never
  }
})

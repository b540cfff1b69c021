import * as z from "zod"
import { AppError } from "../../lib/app-error.ts"
import { isKeyCaller } from "../../lib/callers/caller-id.ts"
import { cursorAfterLeaving, type FoundJobs, findJobs, JOB_STATES, type JobState } from "../../lib/queue/find-jobs.ts"
import { ticketSchema, toTicket } from "../../lib/tickets/ticket.ts"
import { createRoute } from "../openapi/api-route.ts"
import { REDIS_ERRORS } from "../openapi/error-codes.ts"
import { type EdgeContext, newRouter } from "../router.ts"

const MAX_LISTED = 100
/** Each costs a request to Redis, of which a Worker has fifty. */
const MAX_CANCELED = 20

const wholeNumber = (max: number, message: string) =>
  z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .pipe(z.int().min(1, message).max(max, message))

const filters = {
  model: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .meta({ description: "Jobs of this model, or `@resize` for an operation without one" }),
  older_than_ms: wholeNumber(1e12, "must be milliseconds")
    .optional()
    .meta({ description: "Jobs that were created at least this many milliseconds ago" }),
  cursor: z.string().optional().meta({ description: "The `cursor` of the previous page" }),
}
const cursor = z.string().nullable().meta({ description: "Pass it to get the next page; null after the last" })

const list = createRoute({
  method: "get",
  path: "/v1/jobs",
  operationId: "listJobs",
  tag: "Classifications",
  summary: "List your waiting, running and dead jobs",
  description:
    "The tickets of this API key, without their place in the queue. `dead` are jobs with `attempts_exhausted`, which can be retried. " +
    "Other jobs that are done are not listed, nor are images of batches, and tickets that share the work of another. A page looks at a " +
    "bounded part of the queue: it can be empty although `cursor` is not null.",
  access: "caller",
  request: {
    query: z.object({
      state: z
        .enum(JOB_STATES, `must be ${JOB_STATES.join(", ")}`)
        .optional()
        .meta({ description: "Jobs in this state" }),
      ...filters,
      limit: wholeNumber(MAX_LISTED, `must be a whole number from 1 to ${MAX_LISTED}`)
        .default(MAX_LISTED)
        .meta({ description: "Maximum number of tickets" }),
    }),
  },
  responses: {
    200: {
      description: "Tickets, those of each queue in its order",
      content: { "application/json": z.object({ tickets: z.array(ticketSchema), cursor }).meta({ id: "Jobs" }) },
    },
  },
  errors: ["unauthorized", ...REDIS_ERRORS],
})

const cancel = createRoute({
  method: "post",
  path: "/v1/jobs/cancel",
  operationId: "cancelJobs",
  tag: "Classifications",
  summary: "Cancel your waiting and running jobs",
  description:
    `Cancels up to ${MAX_CANCELED} of the jobs that \`GET /v1/jobs\` lists with the same filters, and says how many those were. ` +
    "Repeat it with `cursor` until that is null. A job that begins meanwhile is canceled all the same.",
  access: "caller",
  request: {
    query: z.object({
      state: z
        .enum(["queued", "processing"], "must be queued or processing")
        .meta({ description: "Jobs in this state" }),
      ...filters,
    }),
  },
  responses: {
    200: {
      description: "How many jobs were canceled",
      content: { "application/json": z.object({ canceled: z.number().int(), cursor }).meta({ id: "CanceledJobs" }) },
    },
  },
  errors: ["unauthorized", ...REDIS_ERRORS],
})

export const jobs = newRouter()

jobs.openapi(list, async (c) => {
  const found = await findOwn(c, c.req.valid("query"))
  return c.json({ tickets: found.jobs.map((job) => toTicket(job, null)), cursor: found.cursor })
})

jobs.openapi(cancel, async (c) => {
  const { store, now, log } = c.var.services
  const found = await findOwn(c, { ...c.req.valid("query"), limit: MAX_CANCELED })
  const ends = await Promise.all(found.jobs.map(({ id }) => store.cancel(id, now())))
  const canceled = ends.filter(({ status }) => status === "withdrawn").length
  log.info("jobs.canceled", { canceled, traceId: c.var.trace.traceId })
  return c.json({ canceled, cursor: cursorAfterLeaving(found.cursor, canceled) })
})

type Asked = {
  state?: JobState | undefined
  model?: string | undefined
  older_than_ms?: number | undefined
  cursor?: string | undefined
  limit: number
}

/** @throws AppError unauthorized for an anonymous caller: its network may be shared, and a ticket is all that one needs */
async function findOwn(c: EdgeContext, { state, model, older_than_ms, cursor, limit }: Asked): Promise<FoundJobs> {
  const { services, caller } = c.var
  if (!isKeyCaller(caller.id)) throw new AppError("unauthorized", "Cannot list jobs without an API key")
  // About as many commands as it costs, beside the one that every request counts as.
  services.readRates.charge(caller.id, MAX_CANCELED)
  const createdUntilMs = older_than_ms === undefined ? undefined : services.now() - older_than_ms
  const models = (await services.registry.snapshot()).models.map(({ id }) => id)
  const filter = { state, model, createdUntilMs, caller: caller.id, single: true }
  return findJobs(services, filter, { models, cursor, limit })
}

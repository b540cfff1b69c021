import type { Hono } from "hono"
import { createMiddleware } from "hono/factory"
import { routePath } from "hono/route"
import { getPath } from "hono/utils/url"
import { AppError } from "../lib/app-error.ts"
import type { LogFields } from "../lib/log.ts"
import type { ObserveRequest } from "../lib/observe-request.ts"
import { claimedJobId } from "../lib/tickets/ticket-id.ts"
import { identifyCaller } from "./auth/caller.ts"
import { cors } from "./http/cors.ts"
import { refuseOtherHosts } from "./http/names.ts"
import { problemResponse } from "./http/problem.ts"
import { discardRest } from "./http/read-body.ts"
import { securityHeaders } from "./http/security-headers.ts"
import { limitReads, limitSubmits } from "./limits/apply-limits.ts"
import { traceRequests, type WaitUntil } from "./request-trace.ts"
import { type EdgeContext, type EdgeEnv, honoPath, newRouter } from "./router.ts"
import { batchResults } from "./routes/batch-results.ts"
import { batches } from "./routes/batches.ts"
import { classifications } from "./routes/classifications.ts"
import { deliveries } from "./routes/deliveries.ts"
import { describeApi } from "./routes/describe-api.ts"
import { health } from "./routes/health.ts"
import { jobs } from "./routes/jobs.ts"
import { models } from "./routes/models.ts"
import { outputs } from "./routes/outputs.ts"
import { page } from "./routes/page.ts"
import { predict } from "./routes/predict.ts"
import { queue } from "./routes/queue.ts"
import { retries } from "./routes/retries.ts"
import { samples } from "./routes/samples.ts"
import type { Services } from "./services.ts"

/** Served without authentication. */
const PUBLIC_ROUTERS = [page, samples]
/** Every other route there is, with its whole path. */
const ROUTERS = [
  classifications,
  jobs,
  deliveries,
  retries,
  batches,
  batchResults,
  outputs,
  models,
  queue,
  predict,
  health,
]

/** Where a POST counts against the rate limit of its caller: wherever it may put something into the queue. */
const SUBMIT_PATHS = ROUTERS.flatMap(({ described }) => described)
  .filter(({ errors }) => errors.includes("queue_full"))
  .map(({ path }) => honoPath(path))

/** What a caller may ask besides: counted by the limit of reads. */
const READ_PATHS = new Set(
  ROUTERS.flatMap(({ described }) => described)
    .filter(({ access }) => access === "caller")
    .map(({ path }) => honoPath(path))
    .filter((path) => !SUBMIT_PATHS.includes(path)),
)

export type AppOptions = {
  /** The address that the platform vouches for; never one that a client can write itself. */
  clientAddress: (c: EdgeContext) => string
  /** Names under which a client may reach it, beside those that are configured; "*" where the platform vouches for the name. */
  ownHosts: readonly string[]
  /** On platforms that stop after the response; elsewhere the entry exports spans regularly. */
  waitUntil?: WaitUntil
  observe?: ObserveRequest
  /** Of an app inside another one: the path below which a request came. The page, whose links are absolute, is then left out. */
  basePath?: (request: Request) => string
}

/** The edge, the same on every runtime. */
export function createApp(
  services: Services,
  { clientAddress, ownHosts, waitUntil, observe, basePath }: AppOptions,
): Hono<EdgeEnv> {
  const { config } = services
  const rules = {
    apiKeys: config.API_KEYS,
    knownKeys: services.knownKeys,
    allowAnonymous: config.ALLOW_ANONYMOUS,
    rateLimit: config.RATE_LIMIT,
  }
  const authenticate = createMiddleware<EdgeEnv>(async (c, next) => {
    c.set("caller", await identifyCaller(c.req.header("authorization"), clientAddress(c), rules))
    await next()
  })

  const publicRouters = basePath === undefined ? PUBLIC_ROUTERS : []
  const app = newRouter(basePath && { getPath: (request) => getPath(request).slice(basePath(request).length) || "/" })
  app.use(async (c, next) => {
    const end = observe?.()
    await next()
    const code = c.error && (c.error instanceof AppError ? c.error.code : "internal")
    end?.({ method: c.req.method, route: routePath(c, -1), status: c.res.status, code })
    await discardRest(c.req.raw, services.sleep)
  })
  app.use(securityHeaders(config.CORS_ORIGINS), refuseOtherHosts(config, ownHosts), cors(config))
  app.use(async (c, next) => {
    c.set("services", services)
    c.set("basePath", basePath?.(c.req.raw) ?? "")
    await next()
  })
  for (const router of publicRouters) app.route("/", router)
  for (const path of ["/v1/*", "/predict"]) app.use(path, traceRequests(waitUntil), authenticate)
  for (const path of SUBMIT_PATHS) app.use(path, limitSubmits)
  for (const path of READ_PATHS) app.use(path, limitReads)
  for (const router of [...ROUTERS, describeApi([...ROUTERS, ...publicRouters])]) app.route("/", router)

  app.notFound((c) => {
    const methods = [...new Set(app.routes.filter(({ path }) => matches(path, c.req.path)).map(({ method }) => method))]
    const allowed = methods.filter((method) => method !== "ALL")
    if (allowed.length === 0) return refuse(c, new AppError("not_found", `There is nothing at ${c.req.path}`))
    c.header("Allow", allowed.join(", "))
    const advice = c.req.method === "PUT" ? "; curl -T sends PUT: use curl --data-binary @FILE" : ""
    const detail = `${c.req.path} takes ${allowed.join(", ")}, not ${c.req.method}${advice}`
    return refuse(c, new AppError("method_not_allowed", detail))
  })
  app.onError((error, c) => {
    // Not the path: it may hold a ticket, which is a capability.
    const request = { method: c.req.method, route: routePath(c, -1), ...foundBy(c) }
    if (error instanceof AppError && error.code !== "internal") {
      if (error.status >= 500) services.log.warn("request.refused", { ...request, error })
      return refuse(c, error)
    }
    services.log.error("request.failed", { ...request, error })
    return refuse(c, new AppError("internal", "An internal error occurred; it was logged"))
  })
  return app
}

/** What leads from a line of the log to the ticket and the trace. */
function foundBy(c: EdgeContext): LogFields {
  const jobId = claimedJobId(c.req.param("id") ?? "")
  return { ...(jobId !== null && { jobId }), ...(c.var.trace && { traceId: c.var.trace.traceId }) }
}

/** Clients of the tutorial's contract look for `success` in every answer. */
function refuse(c: EdgeContext, error: AppError): Response {
  return problemResponse(c, error, c.req.path === "/predict" ? { success: false } : {})
}

/** Whether a route's path, in which ":name" stands for one segment that is not empty, is the path of a request. */
function matches(route: string, path: string): boolean {
  const [want, have] = [route.split("/"), path.split("/")]
  const isSame = (segment: string, i: number) => (segment.startsWith(":") ? have[i] !== "" : segment === have[i])
  return want.length === have.length && want.every(isSame)
}

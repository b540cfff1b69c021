import type { HttpBindings } from "@hono/node-server"
import { type Context, Hono } from "hono"
import { routePath } from "hono/route"
import type { FindProblem } from "../health/create-registry.ts"
import { hostnameOf, isAllowedHost } from "../lib/allowed-hosts.ts"
import { type Log, silentLog } from "../lib/log.ts"
import { asksForResp2, createAnswer, errorResponse } from "./answer.ts"
import { createTokenCheck } from "./bearer-token.ts"
import { createByteBudget } from "./byte-budget.ts"
import { type Command, toCommand, toCommands } from "./command.ts"
import { createEventStreams, type EventStreams } from "./event-stream.ts"
import type { GatewayMetrics } from "./metrics.ts"
import { pathArguments, pathCommand } from "./path-command.ts"
import { bodyBytes, readBody } from "./read-body.ts"
import { createExecutor } from "./redis/executor.ts"
import { createReadiness } from "./redis/readiness.ts"
import type { RedisLink, Subscription } from "./redis/redis-link.ts"
import { RestError } from "./rest-error.ts"

export type GatewayOptions = {
  redis: RedisLink
  token: string
  /** Names of its own, beside those of the loopback and addresses. */
  hosts?: readonly string[]
  log?: Log
  findProblem?: FindProblem
  /** Served at /metrics. */
  metrics?: GatewayMetrics | undefined
  /** Called with every command that goes to Redis, those of pipelines and transactions too: what Upstash would bill. */
  onCommand?: (command: Command) => void
  /** Upstash takes 10 MB. */
  maxRequestBytes?: number
  /** Limit of all request bodies in progress. */
  maxBytesInFlight?: number
  maxStreams?: number
  /** What a subscriber may leave unread before it is dropped. */
  maxBufferedBytes?: number
  pingIntervalMs?: number
}

/** Bare when the app is called by `app.request()`, with no connection behind it. */
type NodeEnv = { Bindings: Partial<HttpBindings> }

const METHODS = new Set(["GET", "HEAD", "POST", "PUT"])

/** The Upstash REST protocol (https://upstash.com/docs/redis/features/restapi) in front of a Redis. */
export function createGateway({
  redis,
  token,
  hosts = [],
  log = silentLog,
  findProblem = createReadiness(redis),
  metrics,
  onCommand = () => undefined,
  maxRequestBytes = 10 * 1024 * 1024,
  maxBytesInFlight = 256 * 1024 * 1024,
  maxStreams = 1000,
  maxBufferedBytes = 1024 * 1024,
  pingIntervalMs = 15_000,
}: GatewayOptions): Hono<NodeEnv> {
  const checkToken = createTokenCheck(token)
  const executor = createExecutor(redis, (command) => {
    onCommand(command)
    metrics?.countCommand(String(command[0]))
  })
  const onCount = (open: number) => metrics?.streams.set(open)
  const streams = createEventStreams(redis, log, { maxStreams, maxBufferedBytes, pingIntervalMs, onCount })
  const budget = createByteBudget(maxBytesInFlight)
  const answer = createAnswer()

  const app = new Hono<NodeEnv>()
  if (metrics !== undefined) {
    app.use(async (c, next) => {
      const end = metrics.observe()
      await next()
      end({ method: c.req.method, route: routeOf(c), status: c.res.status })
    })
  }
  app.use(async ({ req }, next) => {
    // Callers with the token may use any host name; a page with DNS rebinding has no token.
    if (!isAllowedHost(hostnameOf(req.url), hosts)) checkToken(req.raw)
    await next()
  })
  for (const path of ["/healthz", "/readyz"]) {
    app.get(path, async (c) => {
      const problem = await findProblem()
      if (problem === null) return c.json({ status: "ready" })
      return c.json({ status: "not ready", code: problem.code, reason: problem.message }, 503)
    })
  }
  app.get("/metrics", async (c, next) => {
    if (metrics === undefined) return next()
    return c.body(await metrics.registry.metrics(), 200, { "content-type": metrics.registry.contentType })
  })
  app.use(async (c, next) => {
    if (!METHODS.has(c.req.method)) throw new RestError(405, "ERR method not allowed")
    checkToken(c.req.raw)
    const release = budget.take(bodyBytes(c.req.raw, maxRequestBytes))
    try {
      await next()
    } finally {
      release()
    }
  })
  app.on(["POST", "PUT"], "/", async ({ req: { raw } }) =>
    answer(raw, await executor.one(toCommand(await readJson(raw, maxRequestBytes)))),
  )
  app.on(["POST", "PUT"], "/pipeline", async ({ req: { raw } }) =>
    answer(raw, await executor.pipeline(toCommands(await readJson(raw, maxRequestBytes)))),
  )
  app.on(["POST", "PUT"], "/multi-exec", async ({ req: { raw } }) => {
    if (asksForResp2(raw)) {
      throw new RestError(400, "ERR Upstash-Response-Format is not available for transactions")
    }
    return answer(raw, await executor.transaction(toCommands(await readJson(raw, maxRequestBytes))))
  })
  app.all("/pipeline", () => methodNotAllowed())
  app.all("/multi-exec", () => methodNotAllowed())
  app.on(["GET", "POST"], "/subscribe/*", (c) => subscribe(streams, "channels", c))
  app.on(["GET", "POST"], "/psubscribe/*", (c) => subscribe(streams, "patterns", c))
  app.all("/*", async ({ req: { raw } }) =>
    answer(raw, await executor.one(pathCommand(raw.url, await readBody(raw, maxRequestBytes)))),
  )
  app.onError((error) => {
    if (error instanceof RestError) return errorResponse(error)
    log.error("gateway.request_failed", { error })
    return errorResponse(new RestError(500, "ERR internal error"))
  })
  return app
}

/** A command in the path is anything: its route is one. */
function routeOf(c: Context<NodeEnv>): string {
  const route = routePath(c, -1)
  return route === "/*" ? "/{command}" : route.replace("*", "{channel}")
}

function methodNotAllowed(): never {
  throw new RestError(405, "ERR method not allowed")
}

async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const body = await readBody(request, maxBytes)
  try {
    return JSON.parse(body.toString())
  } catch (cause) {
    throw new RestError(400, "ERR failed to parse command: the body is not JSON", { cause })
  }
}

/** Answers with the event stream of the channels, or patterns, that the path names. */
async function subscribe(streams: EventStreams, kind: Subscription["kind"], c: Context<NodeEnv>): Promise<Response> {
  const { url, signal } = c.req.raw
  const names = [...new Set(pathArguments(url))]
  if (names.length === 0) throw new RestError(400, "ERR no channel to subscribe to")
  const hangUp = () => void c.env?.outgoing?.destroy()
  const stream = await streams.open(kind, names, { signal, hangUp })
  const headers = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
    // Without it nginx buffers events.
    "x-accel-buffering": "no",
  }
  return new Response(stream, { headers })
}

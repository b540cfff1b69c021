import { randomBytes } from "node:crypto"
import type { HttpBindings } from "@hono/node-server"
import { type Context, Hono } from "hono"
import { type Log, silentLog } from "../lib/log.ts"
import { createTokenCheck } from "./bearer-token.ts"
import { createByteBudget } from "./byte-budget.ts"
import { type Command, toCommand, toCommands } from "./command.ts"
import { createEventStreams } from "./event-stream.ts"
import { createExecutor } from "./executor.ts"
import { outcomeToJson } from "./json-reply.ts"
import { pathArguments, pathCommand } from "./path-command.ts"
import { bodyBytes, readBody } from "./read-body.ts"
import type { RedisLink, Subscription } from "./redis-link.ts"
import type { Outcome } from "./reply.ts"
import { outcomeToResp2 } from "./resp2-reply.ts"
import { RestError } from "./rest-error.ts"

export type GatewayOptions = {
  redis: RedisLink
  token: string
  log?: Log
  /** Called with every command that goes to Redis, those of pipelines and transactions too: what Upstash would bill. */
  onCommand?: (command: Command) => void
  /** Upstash takes 10 MB. */
  maxRequestBytes?: number
  /** What the bodies of all requests in progress may hold together. */
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
  log = silentLog,
  onCommand = () => undefined,
  maxRequestBytes = 10 * 1024 * 1024,
  maxBytesInFlight = 256 * 1024 * 1024,
  maxStreams = 1000,
  maxBufferedBytes = 1024 * 1024,
  pingIntervalMs = 15_000,
}: GatewayOptions): Hono<NodeEnv> {
  const checkToken = createTokenCheck(token)
  const executor = createExecutor(redis, onCommand)
  const streams = createEventStreams(redis, log, { maxStreams, maxBufferedBytes, pingIntervalMs })
  const budget = createByteBudget(maxBytesInFlight)
  const nextSyncToken = createSyncTokens()

  async function readJson(request: Request): Promise<unknown> {
    const body = await readBody(request, maxRequestBytes)
    try {
      return JSON.parse(body.toString())
    } catch (cause) {
      throw new RestError(400, "ERR failed to parse command: the body is not JSON", { cause })
    }
  }

  function answer(request: Request, outcome: Outcome | Outcome[]): Response {
    const headers: Record<string, string> = { "upstash-sync-token": nextSyncToken() }
    const single = Array.isArray(outcome) ? undefined : outcome
    const failed = single !== undefined && "error" in single
    if (!failed && request.headers.get("upstash-response-format")?.toLowerCase() === "resp2") {
      headers["content-type"] = "application/octet-stream"
      return new Response(outcomeToResp2(outcome), { headers })
    }
    headers["content-type"] = "application/json"
    const base64 = request.headers.get("upstash-encoding")?.toLowerCase() === "base64"
    const json = Array.isArray(outcome)
      ? `[${outcome.map((item) => outcomeToJson(item, { base64 })).join(",")}]`
      : outcomeToJson(outcome, { base64 })
    return new Response(json, { status: failed ? 400 : 200, headers })
  }

  async function subscribe({ req, env }: Context<NodeEnv>, kind: Subscription["kind"]): Promise<Response> {
    const { url, signal } = req.raw
    const names = [...new Set(pathArguments(url))]
    if (names.length === 0) throw new RestError(400, "ERR no channel to subscribe to")
    const hangUp = () => void env?.outgoing?.destroy()
    const stream = await streams.open(kind, names, { signal, hangUp })
    return new Response(stream, {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
      },
    })
  }

  const app = new Hono<NodeEnv>()
  app.get("/healthz", (c) => c.json({ redis: redis.isReady() ? "ready" : "unreachable" }, redis.isReady() ? 200 : 503))
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
    answer(raw, await executor.one(toCommand(await readJson(raw)))),
  )
  app.on(["POST", "PUT"], "/pipeline", async ({ req: { raw } }) =>
    answer(raw, await executor.pipeline(toCommands(await readJson(raw)))),
  )
  app.on(["POST", "PUT"], "/multi-exec", async ({ req: { raw } }) => {
    if (raw.headers.has("upstash-response-format")) {
      throw new RestError(400, "ERR Upstash-Response-Format is not available for transactions")
    }
    return answer(raw, await executor.transaction(toCommands(await readJson(raw))))
  })
  app.all("/pipeline", () => methodNotAllowed())
  app.all("/multi-exec", () => methodNotAllowed())
  app.on(["GET", "POST"], "/subscribe/*", (c) => subscribe(c, "channels"))
  app.on(["GET", "POST"], "/psubscribe/*", (c) => subscribe(c, "patterns"))
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

function methodNotAllowed(): never {
  throw new RestError(405, "ERR method not allowed")
}

function errorResponse({ status, message }: RestError): Response {
  return new Response(JSON.stringify({ error: message }), { status, headers: { "content-type": "application/json" } })
}

/** The client sends the last one back to read its own writes. One Redis has nothing to catch up with, so any new one does. */
function createSyncTokens(): () => string {
  const prefix = randomBytes(6).toString("base64url")
  let count = 0
  return () => `${prefix}:${(++count).toString(36)}`
}

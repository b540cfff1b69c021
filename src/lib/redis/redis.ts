// This build of the SDK touches no platform global, so edge and classifier can share it on every runtime.
import { Redis } from "@upstash/redis/cloudflare"
import { AppError } from "../app-error.ts"
import { readBulkString } from "./bulk-string.ts"
import type { Script } from "./script.ts"

export type RedisOptions = {
  url: string
  token: string
  /** How long one command may take. */
  timeoutMs?: number
  /** What carries bytes here; `fetch` unless said. */
  download?: Download
}

/** The body of a reply, in pieces. Rejects, too, for any status but 200. */
export type Download = (
  url: string,
  init: { headers: Record<string, string>; signal: AbortSignal },
) => Promise<AsyncIterable<Uint8Array>>

/** The commands that we use. */
// biome-ignore format: a list
export const REDIS_COMMANDS = [
  "get", "hdel", "hget", "hgetall", "hkeys", "hlen", "hmget", "hset", "hvals", "mget", "ping", "publish", "setrange", "time",
  "unlink", "zcard", "zcount", "zrange", "zrank",
] as const satisfies readonly (keyof Redis)[]

/**
 * What we use of Redis, over the Upstash REST protocol: commands as the official client has them, and what it cannot do. Every call
 * makes one request and is never repeated in here. @throws AppError redis_unavailable, redis_full, redis_unauthorized
 */
export type RedisRest = Pick<Redis, (typeof REDIS_COMMANDS)[number]> & {
  /** Runs a script by its SHA-1, and sends its text when Redis does not know it. */
  script(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>
  /** Stores bytes as they are: the SDK's JSON would damage them. */
  setBytes(key: string, bytes: Uint8Array, ttlMs: number): Promise<void>
  /** The bytes, or null when the key is not there. */
  getBytes(key: string): Promise<Uint8Array | null>
  /** An SSE stream of what is published on the channel; ends when the connection does. */
  subscribe(channel: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>
}

// A megabyte a second is the slowest uplink that we wait for.
const transferMs = (bytes: number) => Math.ceil(bytes / 1_000)
/** An upload that takes longer may have a slow line, or a Redis that is gone: a PING tells which, in time for the client. */
const PROBE_AFTER_MS = 300
const PROBE_MS = 1_000

export function connectRedis({ url, token, timeoutMs = 1_500, download = fetchBody }: RedisOptions): RedisRest {
  const base = url.replace(/\/$/, "")
  const headers = { authorization: `Bearer ${token}` }
  // Every default of the SDK that is changed here sends writes twice, changes types, or hides a failure.
  const sdk = new Redis({
    url: base,
    token,
    enableAutoPipelining: false,
    automaticDeserialization: false,
    responseEncoding: false,
    retry: { retries: 0 },
    enableTelemetry: false,
    signal: () => AbortSignal.timeout(timeoutMs),
  })
  let takesFlags = true

  const request = (path: string, init: RequestInit): Promise<Response> =>
    fetchOk(base + path, { ...init, headers: { ...headers, ...init.headers } })

  return {
    ...guarded(sdk),

    script({ text, sha1, plainSha1 }, keys, args) {
      const all = args.map(String)
      const run = async (text: string, sha1: string) => {
        try {
          return await sdk.evalsha(sha1, [...keys], all)
        } catch (error) {
          if (!(error instanceof Error && error.message.includes("NOSCRIPT"))) throw error
          return sdk.eval(text, [...keys], all)
        }
      }
      return guard(async () => {
        if (plainSha1 === undefined) return run(text, sha1)
        const runPlain = () => run(text.replace(/^#!.*\n/, ""), plainSha1)
        if (!takesFlags) return runPlain()
        try {
          return await run(text, sha1)
        } catch (error) {
          // A Redis that does not know the flag refuses the script before it begins.
          if (!(error instanceof Error && /^[^,]*(shebang|flag)/i.test(error.message))) throw error
          takesFlags = false
          return runPlain()
        }
      })
    },

    setBytes: (key, bytes, ttlMs) =>
      guard(async () => {
        const gone = new AbortController()
        const ping = () => request("/ping", { signal: AbortSignal.timeout(PROBE_MS) })
        const probe = setTimeout(() => ping().catch((error) => gone.abort(error)), PROBE_AFTER_MS)
        try {
          const response = await request(`/set/${encodeURIComponent(key)}?PX=${ttlMs}`, {
            method: "POST",
            body: bytes as Uint8Array<ArrayBuffer>,
            signal: AbortSignal.any([gone.signal, AbortSignal.timeout(timeoutMs + transferMs(bytes.length))]),
          })
          await response.body?.cancel()
        } finally {
          clearTimeout(probe)
        }
      }),

    getBytes: (key) =>
      guard(async () => {
        const body = await download(`${base}/get/${encodeURIComponent(key)}`, {
          headers: { ...headers, "upstash-response-format": "resp2" },
          signal: AbortSignal.timeout(timeoutMs + transferMs(10_000_000)),
        })
        return await readBulkString(body)
      }),

    subscribe: (channel, signal) =>
      guard(async () => {
        const response = await request(`/subscribe/${channel}`, {
          method: "POST",
          headers: { accept: "text/event-stream" },
          signal,
        })
        if (response.body === null) throw new Error("The subscription has no body")
        return response.body
      }),
  }
}

/** The commands, whose errors go through guard(). */
function guarded(sdk: Redis): Pick<Redis, (typeof REDIS_COMMANDS)[number]> {
  const commands = sdk as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  const wrapped = REDIS_COMMANDS.map((name) => [
    name,
    (...args: unknown[]) => guard(async () => commands[name]?.(...args)),
  ])
  return Object.fromEntries(wrapped)
}

async function fetchOk(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init)
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${(await response.text()).slice(0, 200)}`)
  return response
}

const fetchBody: Download = async (url, init) => {
  const { body } = await fetchOk(url, init)
  if (body === null) throw new Error("The reply has no body")
  return body
}

/**
 * "ERR …" is an answer: Redis is there, and we asked for something wrong. Unless it is how a gateway says that it cannot
 * answer now, or Upstash that a plan is used up: the SDK keeps the text of an error and not its status.
 */
const IS_REFUSAL = /\bERR (?!Redis cannot be reached|internal error|too many|max (daily|concurrent|requests))/

/** At maxmemory without eviction; and Upstash's words for a database at its plan's size. */
const IS_FULL = /\bOOM\b|\bcapacity quota exceeded\b/
/** The gateway's token, or Redis' own password and rights. */
const IS_UNAUTHORIZED = /\b(WRONGPASS|NOAUTH|NOPERM)\b|\bHTTP 401\b/

/** The SDK's errors carry whole commands, so neither they nor their stacks go further than here. */
async function guard<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    const failure = new RedisFailure(text.split(", command was:")[0]?.slice(0, 300))
    if (IS_FULL.test(failure.message))
      throw new AppError("redis_full", "Cannot store anything more: the queue's Redis is full", { cause: failure })
    if (IS_UNAUTHORIZED.test(failure.message)) {
      const message = "Cannot use the queue's Redis: it does not accept the credentials"
      throw new AppError("redis_unauthorized", message, { cause: failure })
    }
    if (IS_REFUSAL.test(failure.message))
      throw new AppError("internal", "The queue refused a command", { cause: failure })
    const isLate = error instanceof Error && error.name === "TimeoutError"
    const message = isLate ? "The queue's Redis did not answer in time" : "Cannot reach the queue's Redis"
    throw new AppError("redis_unavailable", message, { cause: failure })
  }
}

/** Why a command failed, without the command. */
class RedisFailure extends Error {
  override readonly name = "RedisFailure"
  readonly code = "redis"
}

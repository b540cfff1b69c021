// This build of the SDK touches no platform global, so edge and classifier can share it on every runtime.
import type { Redis as Sdk } from "@upstash/redis/cloudflare"
import { redisError } from "./redis-error.ts"
import type { Script } from "./script.ts"

/** The commands that we use. */
// biome-ignore format: a list
export const REDIS_COMMANDS = [
  "get", "hdel", "hget", "hgetall", "hkeys", "hlen", "hmget", "hset", "hvals", "mget", "ping", "publish", "setrange", "time",
  "unlink", "zcard", "zcount", "zrange", "zrank",
] as const satisfies readonly (keyof Sdk)[]

/**
 * What we use of Redis: commands as the official client of Upstash has them, and what it cannot do. Every call is sent once and never
 * repeated in here. Two adapters: over REST (rest.ts) and by TCP (src/redis-tcp).
 * @throws AppError redis_unavailable, redis_full, redis_unauthorized
 */
export type Redis = Pick<Sdk, (typeof REDIS_COMMANDS)[number]> & {
  /** Runs a script by its SHA-1, and sends its text when Redis does not know it. */
  script(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>
  /** Stores bytes as they are: the SDK's JSON would damage them. */
  setBytes(key: string, bytes: Uint8Array, ttlMs: number): Promise<void>
  /** The bytes, in a buffer of their own, or null when the key is not there. */
  getBytes(key: string): Promise<Uint8Array | null>
  /** Listens to a channel until the connection ends, or the signal is aborted. */
  subscribe(channel: string, listener: ChannelListener, signal: AbortSignal): Promise<void>
}

export type ChannelListener = { onSubscribed: () => void; onMessage: (message: string) => void }

/** What an adapter does in its own way. */
export type Transport = Pick<Redis, "setBytes" | "getBytes" | "subscribe"> & { sdk: Sdk }

// A megabyte a second is the slowest line that we wait for.
export const transferMs = (bytes: number): number => Math.ceil(bytes / 1_000)
/** The most that is read at once. */
export const MAX_VALUE_BYTES = 10_000_000

export function createRedis(transport: Transport): Redis {
  const { sdk } = transport
  let takesFlags = true

  return {
    ...guarded(sdk),

    script({ text, sha1, plainSha1 }, keys, args) {
      const all = args.map(String)
      const run = async (text: string, sha1: string) => {
        try {
          return await sdk.evalsha(sha1, [...keys], all)
        } catch (error) {
          if (!isUnknownScript(error)) throw error
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

    setBytes: (key, bytes, ttlMs) => guard(() => transport.setBytes(key, bytes, ttlMs)),

    getBytes: (key) => guard(() => transport.getBytes(key)),

    subscribe: (channel, listener, signal) => guard(() => transport.subscribe(channel, listener, signal)),
  }
}

/** The commands, whose errors go through guard(). */
function guarded(sdk: Sdk): Pick<Sdk, (typeof REDIS_COMMANDS)[number]> {
  const commands = sdk as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
  const wrapped = REDIS_COMMANDS.map((name) => [
    name,
    (...args: unknown[]) => guard(async () => commands[name]?.(...args)),
  ])
  return Object.fromEntries(wrapped)
}

async function guard<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (error) {
    throw redisError(error)
  }
}

/** The SDK quotes the command behind what Redis says, and an argument may be any text. */
const isUnknownScript = (error: unknown) =>
  error instanceof Error && error.message.split(", command was:", 1).join("").includes("NOSCRIPT")

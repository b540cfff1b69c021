import { AppError } from "../app-error.ts"

/** "ERR …" is Redis' answer to a wrong call, except for outages of a gateway and used-up plans of Upstash, which the SDK shows alike. */
const IS_REFUSAL =
  /\bERR (?!Redis cannot be reached|internal error|too many|max (daily|concurrent|requests|number of clients))/

/** At maxmemory without eviction; and Upstash's words for a database at its plan's size. */
const IS_FULL = /\bOOM\b|\bcapacity quota exceeded\b/
/** The gateway's token, or Redis' own password and rights. */
const IS_UNAUTHORIZED = /\b(WRONGPASS|NOAUTH|NOPERM)\b|\bHTTP 401\b/

/** What a failed command means. The clients' errors carry whole commands, so neither they nor their stacks go further than here. */
export function redisError(error: unknown): AppError {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  const cause = new RedisFailure(text.split(", command was:")[0]?.slice(0, 300))
  const { message } = cause
  if (IS_FULL.test(message))
    return new AppError("redis_full", "Cannot store anything more: the queue's Redis is full", { cause })
  if (IS_UNAUTHORIZED.test(message))
    return new AppError("redis_unauthorized", "Cannot use the queue's Redis: it does not accept the credentials", {
      cause,
    })
  if (IS_REFUSAL.test(message)) return new AppError("internal", "The queue refused a command", { cause })
  const isLate = error instanceof Error && error.name === "TimeoutError"
  const sentence = isLate ? "The queue's Redis did not answer in time" : "Cannot reach the queue's Redis"
  return new AppError("redis_unavailable", sentence, { cause })
}

/** Why a command failed, without the command. */
class RedisFailure extends Error {
  override readonly name = "RedisFailure"
  readonly code = "redis"
}

import { ErrorReply } from "@redis/client"
import type { FindProblem } from "../../health/create-registry.ts"
import { AppError } from "../../lib/app-error.ts"
import { evictionProblem, memoryReply } from "../../lib/redis/memory.ts"
import { READ_MEMORY } from "../../lib/redis/scripts.ts"
import type { RedisLink } from "./redis-link.ts"

/** Served without a token, so the result is cached: frequent requests must not cost a command each. */
const FRESH_MS = 1_000
/** A Redis that hangs keeps its connections for longer. */
const ANSWER_MS = 1_000
const IS_UNAUTHORIZED = /\b(NOAUTH|WRONGPASS|NOPERM)\b/

/** Finds why nothing that is sent through the gateway would be safe or answered. */
export function createReadiness(
  redis: Pick<RedisLink, "isReady" | "lastError" | "send">,
  { allowEviction = false } = {},
): FindProblem {
  let asking: Promise<AppError | null> | undefined
  let readyMs = Number.NEGATIVE_INFINITY

  async function ask(): Promise<AppError | null> {
    const problem = await problemOf(askRedis(redis), { allowEviction })
    readyMs = problem === null ? performance.now() : Number.NEGATIVE_INFINITY
    return problem
  }

  return async () => {
    if (!redis.isReady()) return toProblem(redis.lastError())
    if (performance.now() - readyMs < FRESH_MS) return null
    asking ??= ask().finally(() => {
      asking = undefined
    })
    return asking
  }
}

async function askRedis(redis: Pick<RedisLink, "send">): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${ANSWER_MS} ms`)), ANSWER_MS)
  })
  try {
    return await Promise.race([redis.send(["EVAL", READ_MEMORY.text, "0"]), silence])
  } finally {
    clearTimeout(timer)
  }
}

async function problemOf(answer: Promise<unknown>, { allowEviction }: { allowEviction: boolean }) {
  try {
    const reply = await answer
    if (reply instanceof ErrorReply) return toProblem(reply)
    return allowEviction ? null : evictionProblem(memoryReply.parse(reply))
  } catch (error) {
    return toProblem(error)
  }
}

function toProblem(cause: unknown): AppError {
  return cause instanceof Error && IS_UNAUTHORIZED.test(cause.message)
    ? new AppError("redis_unauthorized", "Redis does not accept the user and password of REDIS_URL", { cause })
    : new AppError("redis_unavailable", "Redis cannot be reached", { cause })
}

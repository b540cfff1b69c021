import { join } from "node:path"
import * as z from "zod"
import { AppError } from "../../lib/app-error.ts"
import { BatchStore } from "../../lib/batches/batch-store.ts"
import { ApiKeyStore } from "../../lib/callers/api-key-store.ts"
import { ConfigError, parseEnv } from "../../lib/env.ts"
import { JobStore } from "../../lib/queue/job-store.ts"
import { Operator } from "../../lib/queue/operator.ts"
import { queueEnv, sealerOf, storeLimits } from "../../lib/queue/queue-config.ts"
import { Registry } from "../../lib/queue/registry.ts"
import { createKeys, type Keys } from "../../lib/redis/keys.ts"
import type { Redis } from "../../lib/redis/redis.ts"
import { Outbox } from "../../lib/webhooks/outbox.ts"
import { WebhookSettingsStore } from "../../lib/webhooks/webhook-settings.ts"
import { openRedis } from "../../redis-tcp/open-redis.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { addressOf } from "../stack/parts/redis-variables.ts"
import { findHome } from "../stack/parts/stack-config.ts"
import { readRun } from "../stack/processes/run-file.ts"
import { findEndpoint } from "../stack/redis/find-endpoint.ts"

const TIMEOUT_MS = 5_000

export type AdminDeps = {
  queue: { redis: Redis; keys: Keys }
  operator: Operator
  store: JobStore
  outbox: Outbox
  webhooks: WebhookSettingsStore
  apiKeys: ApiKeyStore
  registry: Registry
  batches: BatchStore
}

/** Runs something with the queue's Redis, as decision 0006 has it. @throws CliError when it cannot be found or reached */
export async function withAdmin<T>(run: (deps: AdminDeps) => Promise<T>): Promise<T> {
  const endpoint = findEndpoint(process.env, join(findHome(process.env), "run.json"))
  const config = readQueueEnv(process.env)
  const redis = openRedis(endpoint, { timeoutMs: TIMEOUT_MS })
  const keys = createKeys()
  const limits = storeLimits(config)
  try {
    return await run({
      queue: { redis, keys },
      operator: new Operator(redis, keys, limits),
      store: new JobStore(redis, keys, limits),
      outbox: new Outbox(redis, keys, limits),
      webhooks: new WebhookSettingsStore(redis, keys, sealerOf(config)),
      apiKeys: new ApiKeyStore(redis, keys),
      registry: new Registry(redis, keys),
      batches: new BatchStore(redis, keys, limits),
    })
  } catch (error) {
    if (error instanceof AppError) throw asCliError(error, addressOf(endpoint))
    throw error
  } finally {
    redis.close()
  }
}

/** Whether the queue's Redis that commands would use is surely that of the edge at `url`. */
export function isQueueOf(url: string, env: NodeJS.ProcessEnv): boolean {
  const run = readRun(join(findHome(env), "run.json"))
  return Boolean(env.REDIS_URL || env.UPSTASH_REDIS_REST_URL) || run?.url === url
}

function readQueueEnv(env: NodeJS.ProcessEnv) {
  try {
    return parseEnv(z.object(queueEnv), env)
  } catch (error) {
    if (error instanceof ConfigError) throw new CliError(error.message, { exitCode: EXIT.usage, cause: error })
    throw error
  }
}

function asCliError(error: AppError, address: string): CliError {
  const { code } = error
  const reason = error.cause instanceof Error ? error.cause.message : ""
  if (code === "redis_unauthorized") {
    return new CliError(`Cannot use the queue's Redis at ${address}: its credentials are not accepted`, {
      code,
      cause: error,
    })
  }
  if (code !== "redis_unavailable")
    return new CliError(reason === "" ? error.message : `${error.message}: ${reason}`, { code, cause: error })
  return new CliError(`Cannot reach the queue's Redis at ${address}: does it run?`, { code, cause: error })
}

import * as z from "zod"
import { AppError } from "../app-error.ts"
import type { Keys } from "../redis/keys.ts"
import { pairsOf } from "../redis/pairs-of.ts"
import type { Redis } from "../redis/redis.ts"
import { runScript } from "../redis/run-script.ts"
import { CREATE_KEY, REVOKE_KEY } from "../redis/scripts.ts"
import { KEY_NAME } from "./api-key.ts"
import { rateLimitSchema } from "./rate-limit.ts"

const recordSchema = z.object({
  name: z.string().regex(KEY_NAME),
  /** Share of a busy queue. */
  weight: z.number().positive(),
  /** Instead of the deployment's RATE_LIMIT and MAX_QUEUE_DEPTH_PER_CALLER. */
  rateLimit: rateLimitSchema.optional(),
  maxDepth: z.number().int().positive().optional(),
  createdMs: z.number(),
})
/** What is stored of an API key. The key itself is not. */
export type ApiKeyRecord = z.infer<typeof recordSchema>
/** As it is written: a rate limit as text. */
export type NewApiKeyRecord = z.input<typeof recordSchema>
/** @property lastUsedDay "2026-01-31", or null for a key that was never used */
export type ListedApiKey = ApiKeyRecord & { lastUsedDay: string | null }
export type RevokedApiKey = { name: string; revokedMs: number }

/** API keys in Redis, by their hashes. They are made by a person, and live until one revokes them. */
export class ApiKeyStore {
  readonly #redis: Redis
  readonly #keys: Keys

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis
    this.#keys = keys
  }

  /** Makes a key known by its hash. The same again changes nothing. */
  async create(record: NewApiKeyRecord, sha256: string): Promise<"created" | "taken" | "revoked"> {
    const { apiKeys, apiKeyNames } = this.#keys
    const args = [record.name, sha256, JSON.stringify(record)]
    const reply = z.enum(["created", "taken", "revoked"])
    return runScript(this.#redis, CREATE_KEY, { keys: [apiKeys, apiKeyNames], args, reply })
  }

  /** Ends a key for good. An edge that knows it forgets it within KNOWN_KEY_MS (src/edge/auth/known-keys.ts). */
  async revoke(name: string, nowMs: number): Promise<"revoked" | "missing"> {
    const { apiKeys, apiKeyNames, apiKeyUse } = this.#keys
    const reply = z.enum(["revoked", "missing"])
    return runScript(this.#redis, REVOKE_KEY, { keys: [apiKeys, apiKeyNames, apiKeyUse], args: [name, nowMs], reply })
  }

  /** One command. */
  async find(sha256: string): Promise<ApiKeyRecord | null> {
    const text = await this.#redis.hget<string>(this.#keys.apiKeys, sha256)
    return typeof text === "string" ? recordSchema.parse(JSON.parse(text)) : null
  }

  /** Keys by name, and the names of those that were revoked. */
  async list(): Promise<{ keys: ListedApiKey[]; revoked: RevokedApiKey[] }> {
    const { apiKeys, apiKeyNames, apiKeyUse } = this.#keys
    const [texts, names, days] = await Promise.all([
      this.#redis.hvals(apiKeys) as Promise<string[]>,
      this.#redis.hgetall(apiKeyNames).then((reply) => new Map(pairsOf(reply))),
      this.#redis.hgetall(apiKeyUse).then((reply) => new Map(pairsOf(reply))),
    ])
    const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
    const records = texts.map((text) => recordSchema.parse(JSON.parse(text)))
    const revoked = [...names].filter(([, value]) => value.startsWith("revoked:"))
    return {
      keys: records.map((record) => ({ ...record, lastUsedDay: days.get(record.name) ?? null })).sort(byName),
      revoked: revoked.map(([name, value]) => ({ name, revokedMs: Number(value.split(":")[1]) })).sort(byName),
    }
  }

  /** Whether there is any key. */
  async any(): Promise<boolean> {
    return (await this.#redis.hlen(this.#keys.apiKeys)) > 0
  }

  async noteUse(name: string, day: string): Promise<void> {
    const { apiKeyUse } = this.#keys
    try {
      await this.#redis.hset(apiKeyUse, { [name]: day })
    } catch (error) {
      // A failed write does not refuse the caller.
      if (!(error instanceof AppError && error.code === "redis_full")) throw error
    }
  }
}

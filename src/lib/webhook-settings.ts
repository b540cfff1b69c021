import * as z from "zod"
import type { Keys } from "./keys.ts"
import type { RedisRest } from "./redis.ts"
import { CHANGE_WEBHOOKS } from "./scripts/webhooks.ts"
import { newWebhookSecret } from "./webhook-secret.ts"

const settingsSchema = z.object({
  /** Where a job's webhook goes when its submit names no other place. */
  url: z.string().optional(),
  /** Newest first; each of them signs, so that a receiver can go from one to the next. */
  secrets: z.array(z.string()).default([]),
})
/** What a caller has settled for all of its webhooks. */
export type WebhookSettings = z.infer<typeof settingsSchema>

const NONE: WebhookSettings = { secrets: [] }
/** A change is in force everywhere after so long. */
const MAX_AGE_MS = 60_000
const MAX_CACHED = 10_000

/** The settings of every caller, by its id ("key:alice"). They are made by a person, and live until one removes them. */
export class WebhookSettingsStore {
  readonly #redis: RedisRest
  readonly #key: string

  constructor(redis: RedisRest, keys: Keys) {
    this.#redis = redis
    this.#key = keys.webhooks
  }

  async read(caller: string): Promise<WebhookSettings> {
    const text = await this.#redis.call((sdk) => sdk.hget<string>(this.#key, caller))
    return parseSettings(text)
  }

  /** Callers that have settings. */
  callers(): Promise<string[]> {
    return this.#redis.call((sdk) => sdk.hkeys(this.#key))
  }

  /** @param url null for none */
  setUrl(caller: string, url: string | null): Promise<WebhookSettings> {
    return this.#change(caller, { url: url ?? "" })
  }

  /** Makes a new secret. The one before it goes on signing beside it until the next rotation, or dropOldSecrets(). */
  async rotateSecret(caller: string, secret = newWebhookSecret()): Promise<{ secret: string }> {
    await this.#change(caller, { secret, keep: 2 })
    return { secret }
  }

  /** From now on the newest secret signs alone. */
  dropOldSecrets(caller: string): Promise<WebhookSettings> {
    return this.#change(caller, { keep: 1 })
  }

  async remove(caller: string): Promise<void> {
    await this.#redis.call((sdk) => sdk.hdel(this.#key, caller))
  }

  async #change(caller: string, change: { url?: string; secret?: string; keep?: number }): Promise<WebhookSettings> {
    return parseSettings(await this.#redis.script(CHANGE_WEBHOOKS, [this.#key], [caller, JSON.stringify(change)]))
  }
}

/** Settings as they were at most a minute ago. Holds values only: on Workers a promise belongs to the request that made it. */
export class CachedWebhookSettings {
  readonly #store: Pick<WebhookSettingsStore, "read">
  readonly #now: () => number
  readonly #known = new Map<string, { settings: WebhookSettings; readMs: number }>()

  constructor(store: Pick<WebhookSettingsStore, "read">, now: () => number) {
    this.#store = store
    this.#now = now
  }

  async read(caller: string): Promise<WebhookSettings> {
    const known = this.#known.get(caller)
    const ageMs = known === undefined ? MAX_AGE_MS : this.#now() - known.readMs
    if (known !== undefined && ageMs >= 0 && ageMs < MAX_AGE_MS) return known.settings
    const settings = await this.#store.read(caller)
    if (this.#known.size >= MAX_CACHED) this.#known.clear()
    this.#known.set(caller, { settings, readMs: this.#now() })
    return settings
  }
}

function parseSettings(text: unknown): WebhookSettings {
  return typeof text === "string" && text !== "" ? settingsSchema.parse(JSON.parse(text)) : NONE
}

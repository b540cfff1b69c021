import * as z from "zod"
import { AppError } from "../app-error.ts"
import type { Keys } from "../redis/keys.ts"
import type { Redis } from "../redis/redis.ts"
import { runScript } from "../redis/run-script.ts"
import { CHANGE_WEBHOOKS } from "../redis/scripts.ts"
import { createSealer, isSealedText, type Sealer } from "../redis/sealed-bytes.ts"
import { newWebhookSecret } from "./webhook-secret.ts"

const settingsSchema = z.object({
  /** Where a job's webhook goes when its submit names no other place. */
  url: z.string().optional(),
  /** Newest first, as they lie in Redis; each of them signs, so that a receiver can go from one to the next. */
  secrets: z.array(z.string()).default([]),
  /** Beside its first secret the deployment's go on signing. */
  deploymentSigns: z.boolean().optional(),
})
/** What a caller has settled for all of its webhooks. */
export type WebhookSettings = z.infer<typeof settingsSchema>

type Change = { url?: string; secret?: string; keep?: number; replace?: [from: string, to: string][] }

const NONE: WebhookSettings = { secrets: [] }
/** A change is in force everywhere after so long. */
const MAX_AGE_MS = 60_000
const MAX_CACHED = 10_000

/** The settings of every caller, by its id ("key:alice"). They are made by a person, and live until one removes them. */
export class WebhookSettingsStore {
  readonly #redis: Redis
  readonly #key: string
  readonly #sealer: Sealer

  /** @param sealer of the secrets; without one they lie open in Redis */
  constructor(redis: Redis, keys: Keys, sealer: Sealer = createSealer([])) {
    this.#redis = redis
    this.#key = keys.webhooks
    this.#sealer = sealer
  }

  async read(caller: string): Promise<WebhookSettings> {
    const text = await this.#redis.hget<string>(this.#key, caller)
    return parseSettings(text)
  }

  /** The secrets of a caller as they sign. @throws AppError payload_unreadable */
  async readSecrets(caller: string): Promise<string[]> {
    return this.openSecrets(caller, await this.read(caller))
  }

  /** @throws AppError payload_unreadable */
  openSecrets(caller: string, { secrets }: WebhookSettings): Promise<string[]> {
    return Promise.all(secrets.map((secret) => this.#sealer.openText(secret, sealName(caller))))
  }

  /**
   * Seals the secrets of all callers with the newest PAYLOAD_SECRET: those that are not sealed yet, and those that an older one
   * has sealed. Returns how many callers have some.
   * @throws AppError invalid_options without a PAYLOAD_SECRET; payload_unreadable, after which it may be called again
   */
  async sealAll(): Promise<number> {
    if (this.#sealer.overheadBytes === 0) {
      throw new AppError("invalid_options", "Cannot seal the secrets: PAYLOAD_SECRET is not set here")
    }
    const callers = await this.callers()
    let count = 0
    for (const caller of callers) {
      const settings = await this.read(caller)
      if (settings.secrets.length === 0) continue
      const open = await this.openSecrets(caller, settings)
      const sealed = await Promise.all(open.map((secret) => this.#sealer.sealText(secret, sealName(caller))))
      await this.#change(caller, { replace: settings.secrets.map((from, i) => [from, sealed[i] as string]) })
      count++
    }
    return count
  }

  /** Callers that have settings. */
  callers(): Promise<string[]> {
    return this.#redis.hkeys(this.#key)
  }

  /** @param url null for none */
  setUrl(caller: string, url: string | null): Promise<WebhookSettings> {
    return this.#change(caller, { url: url ?? "" })
  }

  /** Makes a new secret. The one before it, at first the deployment's, signs beside it until the next rotation or dropOldSecrets(). */
  async rotateSecret(caller: string, secret = newWebhookSecret()): Promise<{ secret: string }> {
    await this.#assertMaySeal()
    // Sent again it adds none: it is sealed once.
    await this.#change(caller, { secret: await this.#sealer.sealText(secret, sealName(caller)), keep: 2 })
    return { secret }
  }

  /** From now on the newest secret signs alone. */
  dropOldSecrets(caller: string): Promise<WebhookSettings> {
    return this.#change(caller, { keep: 1 })
  }

  async remove(caller: string): Promise<void> {
    await this.#redis.hdel(this.#key, caller)
  }

  /** A secret that lies open among sealed ones would be refused by those who seal. */
  async #assertMaySeal(): Promise<void> {
    if (this.#sealer.overheadBytes > 0) return
    const all = (await this.#redis.hvals(this.#key)) as unknown[]
    if (!all.some((text) => parseSettings(text).secrets.some(isSealedText))) return
    const message = "Cannot make a secret: those in Redis are sealed, and PAYLOAD_SECRET is not set here"
    throw new AppError("payload_unreadable", message)
  }

  async #change(caller: string, change: Change): Promise<WebhookSettings> {
    const args = [caller, JSON.stringify(change)]
    return parseSettings(await runScript(this.#redis, CHANGE_WEBHOOKS, { keys: [this.#key], args, reply: z.string() }))
  }
}

/** Settings as they were at most a minute ago. Holds values only: on Workers a promise belongs to the request that made it. */
export class CachedWebhookSettings {
  readonly #store: Pick<WebhookSettingsStore, "read" | "openSecrets">
  readonly #now: () => number
  readonly #known = new Map<string, { settings: WebhookSettings; readMs: number }>()

  constructor(store: Pick<WebhookSettingsStore, "read" | "openSecrets">, now: () => number) {
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

  /** @throws AppError payload_unreadable */
  openSecrets(caller: string, settings: WebhookSettings): Promise<string[]> {
    return this.#store.openSecrets(caller, settings)
  }
}

const sealName = (caller: string) => `webhook-secret:${caller}`

function parseSettings(text: unknown): WebhookSettings {
  return typeof text === "string" && text !== "" ? settingsSchema.parse(JSON.parse(text)) : NONE
}

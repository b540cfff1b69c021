import type { Log } from "../../lib/log.ts"
import { sealerOf } from "../../lib/queue/queue-config.ts"
import type { Keys } from "../../lib/redis/keys.ts"
import type { Redis } from "../../lib/redis/redis.ts"
import type { Tracer } from "../../lib/trace/tracer.ts"
import { Outbox, type Recorded } from "../../lib/webhooks/outbox.ts"
import { CachedWebhookSettings, WebhookSettingsStore } from "../../lib/webhooks/webhook-settings.ts"
import { createGuardedFetch } from "../fetch/guarded/guarded-fetch.ts"
import type { Reachability } from "../loops/until-reached.ts"
import type { WebhookConfig } from "./config.ts"
import { Deliverer } from "./deliverer.ts"
import { MAX_IN_FLIGHT } from "./receiver-capacity.ts"
import { sendWebhook } from "./send-webhook.ts"
import { importSigningKey } from "./sign-webhook.ts"
import { createSigners } from "./webhook-signers.ts"

export type DelivererParts = {
  redis: Redis
  keys: Keys
  now: () => number
  isListening: () => boolean
  reachability: Reachability
  log: Log
  tracer: Tracer
  count?: (outcome: Recorded["outcome"]) => void
}

/** A deliverer with its secrets and its way out. @throws TypeError when ALLOW_ADDRESSES or the signing key cannot be read */
export async function createDeliverer(
  config: WebhookConfig,
  parts: DelivererParts,
): Promise<Pick<Deliverer, "look" | "run">> {
  const { redis, keys, now, tracer } = parts
  const key = config.WEBHOOK_SIGNING_KEY
  const settings = new WebhookSettingsStore(redis, keys, sealerOf(config))
  const signersOf = createSigners(new CachedWebhookSettings(settings, now), {
    secrets: config.WEBHOOK_SECRETS,
    signingKey: key === undefined ? undefined : await importSigningKey(key),
  })
  const guarded = createGuardedFetch({ allowAddresses: config.ALLOW_ADDRESSES, maxInFlight: MAX_IN_FLIGHT })
  const deliverer = new Deliverer({
    ...parts,
    outbox: new Outbox(redis, keys, { resultTtlMs: config.RESULT_TTL_S * 1_000 }),
    send: (taken, stop) =>
      sendWebhook({ fetch: guarded.fetch, signersOf, now, tracer, publicUrl: config.PUBLIC_URL }, taken, stop),
  })
  return {
    look: () => deliverer.look(),
    run: (signal) => deliverer.run(signal).finally(() => guarded.close()),
  }
}

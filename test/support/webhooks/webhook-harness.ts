import { createGuardedFetch } from "../../../src/classifier/fetch/guarded/guarded-fetch.ts"
import { Reachability } from "../../../src/classifier/loops/until-reached.ts"
import { Deliverer, type DelivererOptions } from "../../../src/classifier/webhooks/deliverer.ts"
import { sendWebhook } from "../../../src/classifier/webhooks/send-webhook.ts"
import { createSigners } from "../../../src/classifier/webhooks/webhook-signers.ts"
import { createLog } from "../../../src/lib/log.ts"
import type { Redis } from "../../../src/lib/redis/redis.ts"
import { Outbox } from "../../../src/lib/webhooks/outbox.ts"
import { CachedWebhookSettings, WebhookSettingsStore } from "../../../src/lib/webhooks/webhook-settings.ts"
import type { StoreHarness } from "../store/store-harness.ts"
import type { WebhookClock } from "./webhook-clock.ts"
import { SECRET } from "./webhook-receiver.ts"

export const RESULT_TTL_MS = 86_400_000

export type RunningDeliverer = {
  look(): void
  /** What it has logged, as text. */
  logged(): string
  /** As SIGTERM does. */
  leave(): Promise<void>
}

export type DelivererChange = Partial<Omit<DelivererOptions, "outbox">> & {
  redis?: Redis
  allowAddresses?: readonly string[]
  secrets?: readonly string[]
  timeoutMs?: number
}

/** A deliverer as a process has it, on a clock that the test moves. */
export function startDeliverer(
  { redis, keys }: Pick<StoreHarness, "redis" | "keys">,
  clock: WebhookClock,
  { allowAddresses = ["127.0.0.1"], secrets = [SECRET], timeoutMs = 5_000, ...change }: DelivererChange = {},
): RunningDeliverer {
  const leave = new AbortController()
  const lines: string[] = []
  const log = createLog({ server: "test", script: "deliverer", write: (line) => lines.push(line), level: "debug" })
  const { now } = clock
  const rest = change.redis ?? redis
  const signersOf = createSigners(new CachedWebhookSettings(new WebhookSettingsStore(rest, keys), now), { secrets })
  const guarded = createGuardedFetch({ allowAddresses })
  const deliverer = new Deliverer({
    outbox: new Outbox(rest, keys, { resultTtlMs: RESULT_TTL_MS }),
    send: (taken, signal) => sendWebhook({ fetch: guarded.fetch, signersOf, now, timeoutMs }, taken, signal),
    now,
    isListening: () => true,
    reachability: new Reachability(log),
    log,
    waker: clock.waker(),
    ...change,
  })
  const ended = deliverer.run(leave.signal)
  return {
    look: () => deliverer.look(),
    logged: () => lines.join("\n"),
    async leave() {
      leave.abort()
      await ended
      await guarded.close()
    },
  }
}

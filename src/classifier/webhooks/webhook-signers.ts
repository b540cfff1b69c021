import { isKeyCaller } from "../../lib/callers/caller-id.ts"
import type { CachedWebhookSettings } from "../../lib/webhooks/webhook-settings.ts"

/** What signs the webhooks of a caller. */
export type WebhookSigners = (caller: string) => Promise<Signers>
export type Signers = { secrets: readonly string[]; signingKey?: CryptoKey | undefined }

/**
 * An API key's webhooks are signed with its own secrets as soon as it has some. All others, those of anonymous callers among
 * them, are signed with the deployment's.
 */
export function createSigners(
  settings: Pick<CachedWebhookSettings, "readSecrets">,
  deployment: { secrets: readonly string[]; signingKey?: CryptoKey | undefined },
): WebhookSigners {
  return async (caller) => {
    if (!isKeyCaller(caller)) return deployment
    const secrets = await settings.readSecrets(caller)
    return secrets.length === 0 ? deployment : { ...deployment, secrets }
  }
}

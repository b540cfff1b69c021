import { isKeyCaller } from "../../lib/callers/caller-id.ts"
import type { CachedWebhookSettings } from "../../lib/webhooks/webhook-settings.ts"

/** What signs the webhooks of a caller. */
export type WebhookSigners = (caller: string) => Promise<Signers>
export type Signers = { secrets: readonly string[]; signingKey?: CryptoKey | undefined }

/**
 * An API key's webhooks are signed with its own secrets as soon as it has some, and with the deployment's beside its first one
 * until it drops them. All others, those of anonymous callers among them, are signed with the deployment's.
 */
export function createSigners(
  settings: Pick<CachedWebhookSettings, "read" | "openSecrets">,
  deployment: { secrets: readonly string[]; signingKey?: CryptoKey | undefined },
): WebhookSigners {
  return async (caller) => {
    if (!isKeyCaller(caller)) return deployment
    const own = await settings.read(caller)
    if (own.secrets.length === 0) return deployment
    const secrets = await settings.openSecrets(caller, own)
    return { ...deployment, secrets: own.deploymentSigns ? [...secrets, ...deployment.secrets] : secrets }
  }
}

import { Webhook } from "standardwebhooks"
import { readSigningSeed } from "../../lib/webhooks/webhook-secret.ts"

export type Message = {
  id: string
  /** When this attempt is made. */
  atMs: number
  body: string
}

/**
 * The headers that make a message provable (https://github.com/standard-webhooks/standard-webhooks): one `v1` signature for
 * each secret, since a receiver may know only the older one, and a `v1a` when there is a key for it.
 */
export async function signWebhook(
  { id, atMs, body }: Message,
  { secrets, signingKey }: { secrets: readonly string[]; signingKey?: CryptoKey | undefined },
): Promise<Record<string, string>> {
  const signatures = secrets.map((secret) => new Webhook(secret).sign(id, new Date(atMs), body))
  const seconds = String(Math.floor(atMs / 1_000))
  if (signingKey !== undefined) {
    const content = new TextEncoder().encode(`${id}.${seconds}.${body}`)
    const signature = await crypto.subtle.sign("Ed25519", signingKey, content)
    signatures.push(`v1a,${Buffer.from(signature).toString("base64")}`)
  }
  return { "webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": signatures.join(" ") }
}

/** A PKCS #8 document around a 32-byte ed25519 seed (RFC 8410, 7). */
const PKCS8_HEAD = Uint8Array.from(Buffer.from("302e020100300506032b657004220420", "hex"))

/** @throws TypeError when it is no `whsk_` key */
export async function importSigningKey(text: string): Promise<CryptoKey> {
  const seed = readSigningSeed(text)
  if (seed === null) throw new TypeError("Cannot read the signing key: it is not whsk_ and base64 of an ed25519 key")
  const pkcs8 = new Uint8Array([...PKCS8_HEAD, ...seed])
  return crypto.subtle.importKey("pkcs8", pkcs8, { name: "Ed25519" }, false, ["sign"])
}

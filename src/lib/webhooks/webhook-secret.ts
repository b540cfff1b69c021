import { decodeBase64 } from "../base64.ts"

const PREFIX = "whsec_"
const SIGNING_PREFIX = "whsk_"
const NEW_SECRET_BYTES = 32

/** A secret as Standard Webhooks writes it: "whsec_" and 24 to 64 bytes as base64. */
export function newWebhookSecret(bytes = crypto.getRandomValues(new Uint8Array(NEW_SECRET_BYTES))): string {
  return PREFIX + btoa(String.fromCharCode(...bytes))
}

export function isWebhookSecret(text: string): boolean {
  const bytes = decodeKey(text, PREFIX)
  return bytes !== null && bytes.length >= 24 && bytes.length <= 64
}

/** The seed of an ed25519 key written as "whsk_" and base64 of the seed, or of seed and public key; null when it is not one. */
export function readSigningSeed(text: string): Uint8Array<ArrayBuffer> | null {
  const bytes = decodeKey(text, SIGNING_PREFIX)
  return bytes?.length === 32 || bytes?.length === 64 ? bytes.slice(0, 32) : null
}

function decodeKey(text: string, prefix: string): Uint8Array<ArrayBuffer> | null {
  const base64 = text.slice(prefix.length)
  if (!text.startsWith(prefix) || !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(base64)) {
    return null
  }
  return decodeBase64(base64)
}

import { AppError } from "../app-error.ts"
import { decodeBase64 } from "../base64.ts"

// 0x93 begins neither an image nor a text, so what is sealed is told from what is not.
const MAGIC = Uint8Array.of(0x93, 0x63, 0x6b, 0x01)
const KEY_ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEAD_BYTES = MAGIC.length + KEY_ID_BYTES + NONCE_BYTES

/** Keeps bytes from who can read Redis, and tells when they were changed there. */
export type Sealer = {
  /** By how much sealing makes bytes longer. */
  overheadBytes: number
  /** @param id names the bytes; they open under this name alone, so that none can be put in the place of others */
  seal(bytes: Uint8Array, id: string): Promise<Uint8Array>
  /**
   * @throws AppError payload_unreadable for what was sealed with another secret, under another name, or was changed; and, where
   * there is a secret, for what is not sealed
   */
  open(bytes: Uint8Array, id: string): Promise<Uint8Array>
  /** The same for a text, which stays one: Redis scripts take no bytes. */
  sealText(text: string, id: string): Promise<string>
  openText(text: string, id: string): Promise<string>
}

const TEXT_PREFIX = "sealed:"

export function isSealedText(text: string): boolean {
  return /^sealed:[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === TEXT_PREFIX.length % 4
}

/**
 * AES-256-GCM. What lies in Redis is the magic, the id of the secret, the nonce, the ciphertext and its tag. Each id has a
 * key of its own, from the secret by HKDF-SHA256 (RFC 5869): no number of pictures wears a secret out.
 *
 * @param secrets newest first: the first seals, all open, so that a secret can be rotated. Without one nothing is sealed.
 * @param acceptsPlain what is not sealed comes out as it is, although there is a secret: while some do not seal yet
 */
export function createSealer(secrets: readonly string[], { acceptsPlain = false } = {}): Sealer {
  const [newest] = secrets
  // Values, not promises: on Workers a promise belongs to the request that made it.
  const known = new Map<string, Secret>()
  const secretOf = async (text: string) => {
    const secret = known.get(text) ?? (await importSecret(text))
    known.set(text, secret)
    return secret
  }
  const findSecret = async (keyId: Uint8Array) => {
    for (const text of secrets) {
      const secret = await secretOf(text)
      if (startsWith(keyId, secret.id)) return secret
    }
    return null
  }

  const sealer: Sealer = {
    overheadBytes: newest === undefined ? 0 : HEAD_BYTES + TAG_BYTES,

    async seal(bytes, id) {
      if (newest === undefined) return bytes
      const secret = await secretOf(newest)
      const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES))
      const text = await crypto.subtle.encrypt(parameters(nonce, id), await keyOf(secret, id), bytes as Bytes)
      return join([MAGIC, secret.id, nonce, new Uint8Array(text)])
    },

    async open(bytes, id) {
      if (!startsWith(bytes, MAGIC)) {
        if (newest === undefined || acceptsPlain) return bytes
        throw unreadable(
          "it is not sealed, and PAYLOAD_SECRET is set (PAYLOAD_SECRET_ACCEPTS_PLAIN=true would read it)",
        )
      }
      const secret = await findSecret(bytes.subarray(MAGIC.length, MAGIC.length + KEY_ID_BYTES))
      if (secret === null) throw unreadable("it is sealed with a PAYLOAD_SECRET that is not known here")
      const nonce = bytes.slice(HEAD_BYTES - NONCE_BYTES, HEAD_BYTES)
      try {
        const sealed = bytes.subarray(HEAD_BYTES) as Bytes
        return new Uint8Array(await crypto.subtle.decrypt(parameters(nonce, id), await keyOf(secret, id), sealed))
      } catch (cause) {
        throw unreadable("it was changed after it was sealed", cause)
      }
    },

    async sealText(text, id) {
      if (newest === undefined) return text
      return TEXT_PREFIX + btoa(String.fromCharCode(...(await sealer.seal(utf8(text), id))))
    },

    async openText(text, id) {
      const bytes = isSealedText(text) ? decodeBase64(text.slice(TEXT_PREFIX.length)) : utf8(text)
      return new TextDecoder().decode(await sealer.open(bytes, id))
    },
  }
  return sealer
}

type Bytes = Uint8Array<ArrayBuffer>
type Secret = { base: CryptoKey; id: Bytes }

async function importSecret(text: string): Promise<Secret> {
  const raw = new TextEncoder().encode(text)
  const base = await crypto.subtle.importKey("raw", raw, "HKDF", false, ["deriveKey", "deriveBits"])
  const id = await crypto.subtle.deriveBits(hkdf("claimcheck sealed bytes: id", ""), base, KEY_ID_BYTES * 8)
  return { base, id: new Uint8Array(id) }
}

function keyOf({ base }: Secret, id: string): Promise<CryptoKey> {
  const aes = { name: "AES-GCM", length: 256 }
  return crypto.subtle.deriveKey(hkdf("claimcheck sealed bytes: key", id), base, aes, false, ["encrypt", "decrypt"])
}

const hkdf = (info: string, salt: string) => ({ name: "HKDF", hash: "SHA-256", info: utf8(info), salt: utf8(salt) })
const parameters = (iv: Bytes, id: string) => ({ name: "AES-GCM", iv, additionalData: utf8(id) })
const utf8 = (text: string) => new TextEncoder().encode(text)
const startsWith = (bytes: Uint8Array, head: Uint8Array) => head.every((byte, i) => bytes[i] === byte)

function join(parts: readonly Uint8Array[]): Bytes {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

function unreadable(why: string, cause?: unknown): AppError {
  return new AppError("payload_unreadable", `Cannot open what lies in Redis: ${why}`, { cause })
}

import { encodeBase32 } from "../base32.ts"
import { equalInConstantTime } from "../equal-in-constant-time.ts"
import { isJobId } from "../queue/job-id.ts"

const PREFIX = "cls_"
const BATCH_PREFIX = "bat_"
const SIGNATURE_CHARS = 16

/** Turns job ids into ticket ids and back. A ticket id is "cls_", the job id, and 80 bits of HMAC-SHA256 over it. */
export type TicketIds = {
  sign(jobId: string): Promise<string>
  /** The job's ticket under each of our secrets, newest first. */
  signAll(jobId: string): Promise<string[]>
  /** The job's id, or null for a ticket that none of our secrets has signed. */
  verify(ticketId: string): Promise<string | null>
}

/** @param secrets newest first: the first signs, all verify, so that a secret can be rotated. */
export function createTicketIds(secrets: readonly string[]): TicketIds {
  return createSignedIds(secrets, { prefix: PREFIX, signedPrefix: "" })
}

/** The same for batches: "bat_", and a signature that no ticket of a job has. */
export function createBatchTicketIds(secrets: readonly string[]): TicketIds {
  return createSignedIds(secrets, { prefix: BATCH_PREFIX, signedPrefix: BATCH_PREFIX })
}

/** The job that a ticket names, signed by us or not: for the log, which must not hold the ticket itself. */
export function claimedJobId(ticketId: string): string | null {
  const jobId = ticketId.slice(PREFIX.length, -SIGNATURE_CHARS)
  return ticketId.startsWith(PREFIX) && isJobId(jobId) ? jobId : null
}

type Kind = { prefix: string; signedPrefix: string }

function createSignedIds(secrets: readonly string[], { prefix, signedPrefix }: Kind): TicketIds {
  const [newest] = secrets
  if (newest === undefined) throw new Error("Cannot sign tickets: no secret given")
  // Values, not promises: on Workers a promise belongs to the request that made it.
  const keys = new Map<string, CryptoKey>()
  const keyOf = async (secret: string) => {
    const key = keys.get(secret) ?? (await importHmacKey(secret))
    keys.set(secret, key)
    return key
  }
  const signature = async (secret: string, jobId: string) => {
    const mac = await crypto.subtle.sign("HMAC", await keyOf(secret), new TextEncoder().encode(signedPrefix + jobId))
    return encodeBase32(new Uint8Array(mac)).slice(0, SIGNATURE_CHARS)
  }

  return {
    async sign(jobId) {
      return prefix + jobId + (await signature(newest, jobId))
    },
    signAll: (jobId) => Promise.all(secrets.map(async (secret) => prefix + jobId + (await signature(secret, jobId)))),
    async verify(ticketId) {
      const jobId = ticketId.slice(prefix.length, -SIGNATURE_CHARS)
      if (!ticketId.startsWith(prefix) || !isJobId(jobId)) return null
      const given = ticketId.slice(-SIGNATURE_CHARS)
      for (const secret of secrets) if (equalInConstantTime(await signature(secret, jobId), given)) return jobId
      return null
    },
  }
}

function importHmacKey(secret: string): Promise<CryptoKey> {
  const raw = new TextEncoder().encode(secret)
  return crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"])
}

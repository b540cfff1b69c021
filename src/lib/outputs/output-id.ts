import { encodeBase32 } from "../base32.ts"
import { equalInConstantTime } from "../equal-in-constant-time.ts"
import { isJobId } from "../queue/job-id.ts"
import type { TicketIds } from "../tickets/ticket-id.ts"

const PROOF_CHARS = 16
/** The job of an upload, or of a batch's picture by its number; and the proof. */
const OUTPUT_ID = /^out_([0-9a-z]{26})(?:-(\d{1,7}))?([0-9a-z]{16})$/

/**
 * The id that a job's output is fetched by: "out_", the job's id, and 80 bits of a SHA-256 over its ticket. Whoever has the
 * ticket could name its output; who was given the output learns nothing of the ticket; and a classifier, which has no
 * secret to sign with, makes the same id at every attempt.
 */
export async function outputIdOf(jobId: string, ticketId: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`output\0${ticketId}`))
  return `out_${jobId}${encodeBase32(new Uint8Array(digest)).slice(0, PROOF_CHARS)}`
}

/**
 * The job's id, or null for a forged id.
 * @param kinds of tickets that jobs may have
 */
export async function verifyOutputId(outputId: string, kinds: readonly TicketIds[]): Promise<string | null> {
  const [, id = "", picture] = OUTPUT_ID.exec(outputId) ?? []
  if (!isJobId(id)) return null
  const tickets = (await Promise.all(kinds.map((kind) => kind.signAll(id)))).flat()
  const [jobId, suffix] = picture === undefined ? [id, ""] : [`${id}-${picture}`, `/${picture}`]
  let found = false
  for (const ticketId of tickets) {
    if (equalInConstantTime(await outputIdOf(jobId, ticketId + suffix), outputId)) found = true
  }
  return found ? jobId : null
}

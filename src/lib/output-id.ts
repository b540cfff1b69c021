import { encodeBase32, isJobId } from "./job-id.ts"
import { equalInConstantTime, type TicketIds } from "./ticket-id.ts"

const PREFIX = "out_"
const PROOF_CHARS = 16
const JOB_ID_CHARS = 26

/**
 * The id that a job's output is fetched by: "out_", the job's id, and 80 bits of a SHA-256 over its ticket. Who holds the
 * ticket could name its output; who was given the output learns nothing of the ticket; and a classifier, which has no
 * secret to sign with, makes the same id at every attempt.
 */
export async function outputIdOf(jobId: string, ticketId: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`output\0${ticketId}`))
  return PREFIX + jobId + encodeBase32(new Uint8Array(digest)).slice(0, PROOF_CHARS)
}

/** The job's id, or null for an output that none of our tickets stands for. */
export async function verifyOutputId(outputId: string, ticketIds: TicketIds): Promise<string | null> {
  const jobId = outputId.slice(PREFIX.length, PREFIX.length + JOB_ID_CHARS)
  if (!outputId.startsWith(PREFIX) || !isJobId(jobId)) return null
  let found = false
  for (const ticketId of await ticketIds.signAll(jobId)) {
    if (equalInConstantTime(await outputIdOf(jobId, ticketId), outputId)) found = true
  }
  return found ? jobId : null
}

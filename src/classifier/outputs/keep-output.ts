import { outputIdOf } from "../../lib/outputs/output-id.ts"
import type { ClaimedJob, OutputInfo } from "../../lib/queue/job.ts"
import { sha256Hex } from "../../lib/sha256.ts"
import type { MadeFile } from "../operations/native-image.ts"
import type { OutputStore } from "./output-store.ts"

type Made = { job: ClaimedJob; made: MadeFile; signal: AbortSignal }

/** Stores what a job has made, under the same names at every attempt. @throws AppError as the store does */
export async function keepOutput(store: OutputStore, { job, made, signal }: Made): Promise<OutputInfo> {
  const { bytes, contentType, width, height } = made
  const sha256 = await sha256Hex(bytes)
  const { id: jobId, caller, batch } = job
  // A batch's outputs have a folder to themselves, where the number of the row leads back to the list.
  const name = batch === undefined ? jobId : `${batch.id}/${batch.row}-${batch.picture}`
  const output = { jobId, caller, bytes, contentType, sha256, name, keepUntilMs: batch?.keepUntilMs }
  const { url } = await store.put(output, signal)
  const id = await outputIdOf(jobId, job.input.ticketId)
  return { id, contentType, bytes: bytes.byteLength, sha256, width, height, ...(url !== undefined && { url }) }
}

export type NewOutput = {
  bytes: Uint8Array
  contentType: string
  jobId: string
  caller: string
  sha256: string
  /** Where its result is kept for longer than results are. */
  keepUntilMs?: number | undefined
  /** Where it is to be found among other outputs, without an ending: safe segments, joined by "/". */
  name: string
}

/**
 * Keeps what jobs have made. The same output put again takes the place of the first.
 * @throws AppError output_not_stored, output_too_large, outputs_full, caller_bytes_full; redis_unavailable, after which it may be repeated
 */
export type OutputStore = {
  /** Returns where the output lies, or nothing when the edge hands it out. */
  put(output: NewOutput, signal: AbortSignal): Promise<{ url?: string }>
}

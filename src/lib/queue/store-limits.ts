/** How long things live and how much may wait. Times in milliseconds. */
export type StoreLimits = {
  resultTtlMs: number
  deadTtlMs: number
  /** What one attempt may take at most, lease included; bytes outlive a job's deadline by that much per attempt. */
  attemptMs: number
  maxDepth: number
  maxDepthPerCaller: number
  maxBytes: number
}

/** Of what all callers share in bytes, one of them has at most this part. */
export const CALLER_SHARE = 0.5
/** The rows of a caller's batches together, beside one single job of the same caller. */
export const BATCH_SHARE = 0.25

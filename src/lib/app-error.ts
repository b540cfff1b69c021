/** Status, title and default `Retry-After` of each code. Codes are stable; titles are for people. */
export const ERRORS = {
  bad_request: [400, "The request cannot be understood"],
  empty_body: [400, "The request contains no image"],
  invalid_list: [400, "The list cannot be read"],
  invalid_rows: [400, "The list has invalid rows"],
  unauthorized: [401, "An API key is required"],
  unknown_key: [401, "The API key is unknown"],
  mistyped_key: [401, "The API key has a typo"],
  origin_not_allowed: [403, "This origin is not allowed"],
  not_found: [404, "There is nothing here"],
  method_not_allowed: [405, "The method is not allowed here"],
  body_too_slow: [408, "The body is sent too slowly"],
  already_finished: [409, "The job has already finished"],
  not_finished: [409, "The job has not finished yet"],
  payload_expired: [410, "The image has expired"],
  list_expired: [410, "The list of the batch has expired"],
  list_too_large: [413, "The list is too large"],
  image_too_large: [413, "The image has too many bytes"],
  unsupported_encoding: [415, "The Content-Encoding is not supported"],
  unsupported_image: [415, "The body is not a supported image"],
  range_not_satisfiable: [416, "The range is beyond the end"],
  host_not_allowed: [421, "The host name is not allowed"],
  invalid_image: [422, "The image is damaged"],
  side_too_long: [422, "The image is too wide or too high"],
  too_many_pixels: [422, "The image has too many pixels"],
  invalid_options: [422, "An option is not valid"],
  not_smaller: [422, "The image cannot be made smaller"],
  output_too_large: [422, "The output would have too many bytes"],
  url_refused: [422, "The URL of the image is not allowed"],
  url_not_found: [422, "The URL of the image was not found"],
  unknown_model: [422, "The model is unknown"],
  no_features: [422, "The model has no features to give"],
  idempotency_mismatch: [422, "The Idempotency-Key was used for another request"],
  caller_queue_full: [429, "Too many of your jobs are waiting", 5_000],
  caller_bytes_full: [429, "Too many of your bytes are stored", 60_000],
  caller_bodies_full: [429, "You are sending too many bytes at once", 1_000],
  rate_limited: [429, "You are over your rate limit"],
  resend_too_soon: [429, "The webhook was sent a moment ago"],
  too_many_guesses: [429, "Too many unknown API keys"],
  internal: [500, "An internal error occurred"],
  payload_unreadable: [500, "A stored value cannot be decrypted"],
  codec_missing: [501, "The classifier lacks the codec for this operation"],
  output_not_stored: [502, "The output could not be stored"],
  no_keys: [503, "This deployment has no API keys yet"],
  result_pending: [503, "The result is not ready yet", 1_000],
  bodies_full: [503, "Too many request bodies are being received", 1_000],
  queue_full: [503, "The queue is full", 5_000],
  draining: [503, "The queue is being drained", 30_000],
  results_full: [503, "The storage for results is full", 60_000],
  outputs_full: [503, "The storage for outputs is full"],
  redis_unavailable: [503, "The queue cannot be reached", 2_000],
  job_unreadable: [503, "The job was written by another release", 5_000],
  redis_full: [503, "Redis is full", 5_000],
  redis_evicts: [503, "Redis may evict jobs"],
  shutting_down: [503, "The process is shutting down"],
  redis_unauthorized: [503, "Redis does not accept the credentials", 5_000],
  schema_mismatch: [503, "The edge and the classifiers have different schema versions"],
  fetch_failed: [502, "The image could not be fetched"],
  fetch_timeout: [504, "The host of the image took too long"],
  deadline_exceeded: [504, "The job was not started before its deadline"],
  attempts_exhausted: [500, "The job used up its attempts"],
  job_dropped: [503, "The job was dropped by an operator"],
  job_timeout: [504, "The job took too long"],
} as const satisfies Record<string, ErrorRow>

type ErrorRow = readonly [status: number, title: string, retryAfterMs?: number]

export type ErrorCode = keyof typeof ERRORS

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code)
}

/** Of a code that a newer release has written into a job, no more is known than that something failed. */
export function errorRow(code: ErrorCode): ErrorRow {
  return isErrorCode(code) ? ERRORS[code] : ERRORS.internal
}

/** Whether Redis cannot serve any call now: this one may be repeated. */
export function isOutage(error: unknown): error is AppError & { code: (typeof OUTAGES)[number] } {
  return error instanceof AppError && OUTAGES.some((code) => code === error.code)
}
const OUTAGES = ["redis_unavailable", "redis_full", "redis_unauthorized"] as const satisfies ErrorCode[]

type AppErrorOptions = {
  cause?: unknown
  retryAfterMs?: number | undefined
  details?: Readonly<Record<string, unknown>>
}

/** A failure with a code for machines and a sentence for people. The message must hold no secret and no payload. */
export class AppError extends Error {
  override readonly name = "AppError"
  readonly code: ErrorCode
  /** How long a caller should wait before it tries again, where that is known. */
  readonly retryAfterMs: number | undefined
  /** Further fields of its answer, for programs. */
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, { cause, retryAfterMs, details = {} }: AppErrorOptions = {}) {
    super(message, { cause })
    this.code = code
    this.retryAfterMs = retryAfterMs
    this.details = details
  }

  get status(): number {
    return errorRow(this.code)[0]
  }
}

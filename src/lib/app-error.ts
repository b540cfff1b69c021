/** The one table that knows which HTTP status a code has. Codes are stable; titles are for people. */
export const ERRORS = {
  bad_request: [400, "The request cannot be understood"],
  empty_body: [400, "There is no image in the request"],
  invalid_list: [400, "The list cannot be read"],
  invalid_rows: [400, "Rows of the list cannot be taken"],
  unauthorized: [401, "An API key is needed"],
  unknown_key: [401, "The API key is not known"],
  mistyped_key: [401, "The API key has a typo"],
  origin_not_allowed: [403, "Pages of that origin may not do this"],
  not_found: [404, "There is nothing here"],
  method_not_allowed: [405, "This address does not take that method"],
  body_too_slow: [408, "The body comes too slowly"],
  already_finished: [409, "The job has already finished"],
  not_finished: [409, "The job has not finished yet"],
  payload_expired: [410, "The image's bytes are gone"],
  list_expired: [410, "The list of the batch is gone"],
  list_too_large: [413, "The list is too long"],
  image_too_large: [413, "The image has too many bytes"],
  unsupported_image: [415, "The body is not an image that can be read here"],
  range_not_satisfiable: [416, "The range lies behind the end"],
  host_not_allowed: [421, "This deployment does not go by that name"],
  invalid_image: [422, "The image is damaged"],
  side_too_long: [422, "The image is too wide or too high"],
  too_many_pixels: [422, "The image has too many pixels"],
  invalid_options: [422, "An option is not valid"],
  not_smaller: [422, "The image cannot be made smaller"],
  output_too_large: [422, "The output would have too many bytes"],
  url_refused: [422, "The image's URL may not be fetched"],
  url_not_found: [422, "There is nothing at the image's URL"],
  unknown_model: [422, "No such model was ever served here"],
  idempotency_mismatch: [422, "The Idempotency-Key was used with another payload"],
  caller_queue_full: [429, "You have too many jobs waiting"],
  caller_bytes_full: [429, "You keep too many bytes here"],
  caller_bodies_full: [429, "You send too many bytes at once"],
  rate_limited: [429, "You send too often"],
  too_many_guesses: [429, "Too many API keys that are not known"],
  internal: [500, "Something broke on our side"],
  payload_unreadable: [500, "What is kept sealed cannot be opened"],
  codec_missing: [501, "The classifier lacks the codec for this operation"],
  output_not_stored: [502, "The output could not be stored"],
  no_keys: [503, "Nobody may use this deployment yet"],
  result_pending: [503, "The result is not there yet"],
  bodies_full: [503, "Too many bytes are being received"],
  queue_full: [503, "The queue is full"],
  draining: [503, "Nothing new is accepted just now"],
  outputs_full: [503, "The outputs have no room"],
  redis_unavailable: [503, "The queue cannot be reached"],
  job_unreadable: [503, "Another release has written the job"],
  redis_full: [503, "The queue's Redis has no room left"],
  redis_evicts: [503, "The queue's Redis may drop what it keeps"],
  shutting_down: [503, "This part is being stopped"],
  redis_unauthorized: [503, "The queue's Redis does not accept the credentials"],
  schema_mismatch: [503, "Edge and classifiers are of different versions"],
  fetch_failed: [502, "The image could not be fetched"],
  fetch_timeout: [504, "The image's host took too long"],
  deadline_exceeded: [504, "The job was not started before its deadline"],
  attempts_exhausted: [500, "The job failed every time it was tried"],
  job_dropped: [503, "The job was dropped by an operator"],
  job_timeout: [504, "The job took longer than a lane may work on it"],
} as const satisfies Record<string, readonly [status: number, title: string]>

export type ErrorCode = keyof typeof ERRORS

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERRORS, code)
}

/** Of a code that a newer release has written into a job, no more is known than that something failed. */
export function errorRow(code: ErrorCode): (typeof ERRORS)[ErrorCode] {
  return isErrorCode(code) ? ERRORS[code] : ERRORS.internal
}

/** Whether a call failed because Redis cannot serve it now, whatever was asked: it may be repeated. */
export function isOutage(error: unknown): error is AppError & { code: (typeof OUTAGES)[number] } {
  return error instanceof AppError && OUTAGES.some((code) => code === error.code)
}
const OUTAGES = ["redis_unavailable", "redis_full", "redis_unauthorized"] as const satisfies ErrorCode[]

/** A failure with a code for machines and a sentence for people. The message must hold no secret and no payload. */
export class AppError extends Error {
  override readonly name = "AppError"
  readonly code: ErrorCode
  /** How long a caller should wait before it tries again, where that is known. */
  readonly retryAfterMs: number | undefined

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; retryAfterMs?: number } = {}) {
    super(message, { cause: options.cause })
    this.code = code
    this.retryAfterMs = options.retryAfterMs
  }

  get status(): number {
    return errorRow(this.code)[0]
  }
}

import type { ErrorCode } from "../../lib/app-error.ts"
import { REFUSAL_CODES } from "../../lib/queue/new-job.ts"

// Which codes occur where. A route names groups and codes of its own; statuses and titles are in src/lib/app-error.ts alone.

/** Every route. */
export const ANY_ERRORS = ["host_not_allowed", "internal"] as const satisfies ErrorCode[]

/** Routes that change something, which pages of other origins may not without CORS_ORIGINS. */
export const UNSAFE_ERRORS = ["origin_not_allowed"] as const satisfies ErrorCode[]

/** Routes that ask Redis. */
export const REDIS_ERRORS = [
  "redis_unavailable",
  "redis_full",
  "redis_unauthorized",
  "job_unreadable",
] as const satisfies ErrorCode[]

/** Routes that authenticate. */
export const CALLER_ERRORS = [
  "unauthorized",
  "unknown_key",
  "mistyped_key",
  "too_many_guesses",
  "rate_limited",
  "invalid_options",
  ...REDIS_ERRORS,
] as const satisfies ErrorCode[]

/** Routes with a body. */
export const BODY_ERRORS = [
  "bad_request",
  "body_too_slow",
  "unsupported_encoding",
  "caller_bodies_full",
  "bodies_full",
] as const satisfies ErrorCode[]

/** Routes that accept an image, which is checked before anything is stored. */
export const UPLOAD_ERRORS = [
  ...BODY_ERRORS,
  "empty_body",
  "image_too_large",
  "unsupported_image",
  "invalid_image",
  "side_too_long",
  "too_many_pixels",
  "output_too_large",
  "invalid_options",
] as const satisfies ErrorCode[]

/** Routes that enqueue a job. */
export const ENQUEUE_ERRORS = [
  "unknown_model",
  ...REFUSAL_CODES,
  "draining",
  ...REDIS_ERRORS,
] as const satisfies ErrorCode[]

/** How a job may fail after it was accepted: the `error.code` of its ticket, and the answer where one waits for it. */
export const JOB_ERRORS = [
  "unsupported_image",
  "invalid_image",
  "side_too_long",
  "too_many_pixels",
  "image_too_large",
  "empty_body",
  "unknown_model",
  "job_dropped",
  "url_refused",
  "url_not_found",
  "fetch_failed",
  "fetch_timeout",
  "payload_expired",
  "payload_unreadable",
  "deadline_exceeded",
  "attempts_exhausted",
  "job_timeout",
  "not_smaller",
  "output_too_large",
  "outputs_full",
  "caller_bytes_full",
  "output_not_stored",
  "codec_missing",
  "no_features",
  "internal",
] as const satisfies ErrorCode[]

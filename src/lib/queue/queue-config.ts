import * as z from "zod"
import { flag, wholeNumber, words } from "../env.ts"
import type { SizeLimits } from "../images/image-header.ts"
import { DEFAULT_MAX_IMAGE_BYTES } from "../images/too-large.ts"
import { createSealer, type Sealer } from "../redis/sealed-bytes.ts"
import { traceEnv } from "../trace/trace-config.ts"

/** May have a path; ends without a slash. */
const publicUrl = z
  .url({ protocol: /^https?$/, error: "must be an http or https address" })
  .refine((text) => !/[?#]/.test(text), "must have no query")
  .transform((text) => new URL(text).href.replace(/\/+$/, ""))

/** The queue's Redis over REST, as the edge always reaches it. */
export const restEnv = {
  UPSTASH_REDIS_REST_URL: z.url({ protocol: /^https?$/, error: "must be an http or https address" }),
  UPSTASH_REDIS_REST_TOKEN: z.string(),
}

/** What edge and classifier must agree on; both read it from the same variables. */
export const queueEnv = {
  /** Where clients reach the edge; links in answers and webhooks begin with it. */
  PUBLIC_URL: publicUrl.optional(),
  RESULT_TTL_S: wholeNumber(86_400),
  DEAD_TTL_S: wholeNumber(7 * 86_400),
  MAX_ATTEMPTS: wholeNumber(3),
  LEASE_MS: wholeNumber(30_000, 1_000),
  JOB_TIMEOUT_MS: wholeNumber(60_000, 100),
  MAX_IMAGE_BYTES: wholeNumber(DEFAULT_MAX_IMAGE_BYTES),
  MAX_IMAGE_PIXELS: wholeNumber(50_000_000),
  MAX_IMAGE_SIDE: wholeNumber(65_535),
  MAX_QUEUE_DEPTH: wholeNumber(100_000),
  MAX_QUEUE_DEPTH_PER_CALLER: wholeNumber(10_000),
  MAX_QUEUE_BYTES: wholeNumber(2_000_000_000),
  MAX_RESULT_BYTES: wholeNumber(2_000_000_000),
  /** Encrypts images, outputs, lists and webhook secrets in Redis; newest first. Long, because a reader of Redis can try secrets offline. */
  PAYLOAD_SECRET: words()
    .pipe(z.array(z.string().min(32, "must be at least 32 characters")))
    .default([]),
  /** For the change-over: unencrypted values in Redis are read, although PAYLOAD_SECRET is set. */
  PAYLOAD_SECRET_ACCEPTS_PLAIN: flag(false),
  /** Be ready although Redis drops keys, and jobs with them, when it is full. */
  ALLOW_EVICTION: flag(false),
  MAX_OUTPUT_BYTES: wholeNumber(8_000_000),
  MAX_ALL_OUTPUT_BYTES: wholeNumber(1_000_000_000),
  ...traceEnv,
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error"], "must be debug, info, warn or error").default("info"),
}

export type QueueEnv = z.infer<z.ZodObject<typeof queueEnv>>

export function sealerOf(env: Pick<QueueEnv, SealerVariable>): Sealer {
  return createSealer(env.PAYLOAD_SECRET, { acceptsPlain: env.PAYLOAD_SECRET_ACCEPTS_PLAIN })
}
type SealerVariable = "PAYLOAD_SECRET" | "PAYLOAD_SECRET_ACCEPTS_PLAIN"

/** How long things live and how much may wait. The script that enqueues is given all of them. Times in milliseconds. */
export type StoreLimits = ReturnType<typeof storeLimits>

export function storeLimits(env: QueueEnv) {
  return {
    resultTtlMs: env.RESULT_TTL_S * 1_000,
    deadTtlMs: env.DEAD_TTL_S * 1_000,
    /** What one attempt may take at most, lease included; bytes outlive a job's deadline by that much per attempt. */
    attemptMs: env.LEASE_MS + env.JOB_TIMEOUT_MS,
    maxDepth: env.MAX_QUEUE_DEPTH,
    maxDepthPerCaller: env.MAX_QUEUE_DEPTH_PER_CALLER,
    maxBytes: env.MAX_QUEUE_BYTES,
    /** Of what is kept of accepted jobs: records with their results, webhook events, images of dead letters. */
    maxResultBytes: env.MAX_RESULT_BYTES,
    callerShare: CALLER_SHARE,
  }
}

/** Of what all callers share in bytes, one of them has at most this part. */
export const CALLER_SHARE = 0.5

export function sizeLimits(env: { MAX_IMAGE_PIXELS: number; MAX_IMAGE_SIDE: number }): SizeLimits {
  return { maxPixels: env.MAX_IMAGE_PIXELS, maxSidePx: env.MAX_IMAGE_SIDE }
}

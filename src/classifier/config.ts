import { availableParallelism } from "node:os"
import * as z from "zod"
import { healthEnv } from "../health/config.ts"
import { type Env, flag, parseEnv, wholeNumber } from "../lib/env.ts"
import { queueEnv } from "../lib/queue/queue-config.ts"
import { redisEnv, requireRedis } from "../redis-tcp/open-redis.ts"
import { CODEC_NAMES, DEFAULT_MAX_DECODE_BYTES } from "./image/codec.ts"
import { ENGINE_NAMES } from "./models/model-info.ts"
import { outputEnv } from "./outputs/config.ts"
import { webhookEnv } from "./webhooks/config.ts"

/** All that the classifier is configured by. */
export const classifierEnv = z.object({
  ...redisEnv,
  ...queueEnv,
  ...webhookEnv,
  ...outputEnv,
  CLAIMCHECK_MODELS: z
    .string()
    .transform((text) => text.split(":").filter((folder) => folder !== ""))
    .default([]),
  /** Of one lane. */
  MODEL_MEMORY_MB: wholeNumber(512),
  MODEL_LOOK_MS: wholeNumber(2_000, 50),
  /** Warm in every lane from the start. */
  DEFAULT_MODEL: z.string().optional(),
  /** Base of the backoff between a job's attempts. */
  RETRY_BACKOFF_MS: wholeNumber(1_000, 0),
  LANES: wholeNumber(availableParallelism()),
  /** Whether WASM is compiled to 256 bits, where V8 can, after a test. */
  WASM_REVECTORIZE: flag(true),
  /** What computes; native needs the package onnxruntime-node. */
  ENGINE: z.enum(ENGINE_NAMES, `must be ${ENGINE_NAMES.join(" or ")}`).default("wasm"),
  /** Pictures of URLs fetched at once, from the claim to the answer. */
  FETCHES: wholeNumber(32),
  FETCHES_PER_HOST: wholeNumber(6),
  /** Of one try. */
  FETCH_TIMEOUT_MS: wholeNumber(10_000, 100),
  /** From the first try to the end of the last. */
  FETCH_DEADLINE_MS: wholeNumber(60_000, 100),
  /** Left out: native, or portable where that does not load. */
  CODEC: z.enum(CODEC_NAMES, `must be ${CODEC_NAMES.join(" or ")}`).optional(),
  /** Of the whole process; 0 is what its lanes may need. */
  CLASSIFIER_MEMORY_MB: wholeNumber(0, 0),
  MAX_DECODE_BYTES: wholeNumber(DEFAULT_MAX_DECODE_BYTES),
  ...healthEnv(8788),
})
export type ClassifierConfig = z.infer<typeof classifierEnv>

/** @throws ConfigError */
export function readClassifierConfig(env: Env): ClassifierConfig {
  return parseEnv(classifierEnv.check(requireRedis), env)
}

/** What one process has beside its lanes' models and pictures: Node, TF.js, libvips, and what allocators keep. */
const BASE_MB = 512

/** The process ends when it has more, and is started again. */
export function memoryLimitBytes(config: ClassifierConfig): number {
  const { LANES: lanes, MODEL_MEMORY_MB: modelMb, MAX_DECODE_BYTES: decodeBytes } = config
  return (config.CLASSIFIER_MEMORY_MB || BASE_MB + lanes * (modelMb + decodeBytes / 2 ** 20)) * 2 ** 20
}

import { ConfigError } from "../../lib/env.ts"
import type { StoredOutputs } from "../../lib/outputs/stored-outputs.ts"
import { bucketOutputs } from "./bucket-outputs.ts"
import type { OutputConfig } from "./config.ts"
import { folderOutputs } from "./folder-outputs.ts"
import type { OutputStore } from "./output-store.ts"
import { redisOutputs } from "./redis-outputs.ts"

type Where = { stored: StoredOutputs; now: () => number }

/** Whether MAX_OUTPUT_BYTES holds. */
export function keepsInRedis({ OUTPUT_BUCKET_URL: url, OUTPUT_DIR: folder }: OutputConfig): boolean {
  return url === undefined && folder === undefined
}

/** The bucket or the folder that is configured, else Redis. @throws ConfigError */
export function createOutputStore(
  config: OutputConfig & { RESULT_TTL_S: number },
  { stored, now }: Where,
): OutputStore {
  const { OUTPUT_BUCKET_URL: url, OUTPUT_DIR: folder, OUTPUT_PUBLIC_URL: publicUrl } = config
  if (url !== undefined && folder !== undefined) {
    throw new ConfigError("Cannot start: OUTPUT_BUCKET_URL and OUTPUT_DIR are both set; outputs go to one place")
  }
  if (folder !== undefined) return folderOutputs(folder, publicUrl)
  if (url === undefined) return redisOutputs(stored, now)
  const {
    OUTPUT_BUCKET_KEY_ID: accessKeyId,
    OUTPUT_BUCKET_SECRET: secretAccessKey,
    OUTPUT_BUCKET_REGION: region,
  } = config
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new ConfigError("Cannot start: OUTPUT_BUCKET_URL needs OUTPUT_BUCKET_KEY_ID and OUTPUT_BUCKET_SECRET")
  }
  return bucketOutputs({ url, accessKeyId, secretAccessKey, region, publicUrl, linkTtlMs: config.RESULT_TTL_S * 1_000 })
}

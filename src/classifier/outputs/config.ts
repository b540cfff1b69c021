import * as z from "zod"

const address = z.url({ protocol: /^https?$/, error: "must be an http or https address" }).optional()

/** Where outputs go, when not into Redis. */
export const outputEnv = {
  /** Path-style: endpoint, bucket, and a prefix of the keys if there is to be one. */
  OUTPUT_BUCKET_URL: address,
  OUTPUT_BUCKET_KEY_ID: z.string().optional(),
  OUTPUT_BUCKET_SECRET: z.string().optional(),
  /** Told by the address for AWS, R2 and Backblaze. */
  OUTPUT_BUCKET_REGION: z.string().optional(),
  OUTPUT_DIR: z.string().optional(),
  /** Where another server serves the bucket or the folder. */
  OUTPUT_PUBLIC_URL: address,
}
export type OutputConfig = z.infer<z.ZodObject<typeof outputEnv>>

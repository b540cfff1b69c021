import { AwsClient } from "aws4fetch"
import { AppError } from "../../lib/app-error.ts"
import { fullJitterMs } from "../../lib/backoff.ts"
import { retryAfterMs } from "../../lib/retry-after.ts"
import { sleep } from "../../lib/sleep.ts"
import { fileNameOf } from "./output-name.ts"
import type { NewOutput, OutputStore } from "./output-store.ts"

/** A bucket that asks for a longer pause costs the job its output: a lane's work must not wait for it. */
const MAX_RETRY_AFTER_MS = 10_000
/** The longest that a signed link may hold (AWS, "Authenticating Requests: Using Query Parameters"). */
const MAX_LINK_S = 7 * 86_400

export type BucketOptions = {
  /** Endpoint and bucket, path-style, and a prefix of the keys if there is one: https://host/bucket/prefix */
  url: string
  accessKeyId: string
  secretAccessKey: string
  /** Told by the address where it is AWS, R2 or Backblaze; else us-east-1, unless said. */
  region?: string | undefined
  /** Where the bucket's content can be read without credentials; without it a link is signed that holds for `linkTtlMs`. */
  publicUrl?: string | undefined
  linkTtlMs: number
  tries?: number
  tryTimeoutMs?: number
  fetch?: typeof fetch
}

/** Outputs as objects of an S3-compatible bucket (AWS, R2, MinIO): one PUT each, whose hash the server checks. */
export function bucketOutputs(options: BucketOptions): OutputStore {
  const { accessKeyId, secretAccessKey, region, publicUrl, linkTtlMs } = options
  const client = new AwsClient({ accessKeyId, secretAccessKey, service: "s3", retries: 0, ...(region && { region }) })
  const base = options.url.replace(/\/*$/, "/")
  const linkS = Math.min(MAX_LINK_S, Math.ceil(linkTtlMs / 1_000))
  return {
    async put(output, signal) {
      const name = fileNameOf(output)
      await putObject(client, new URL(name, base), output, { ...options, signal })
      if (publicUrl !== undefined) return { url: new URL(name, publicUrl.replace(/\/*$/, "/")).href }
      const link = new URL(name, base)
      link.searchParams.set("X-Amz-Expires", String(linkS))
      const signed = await client.sign(link.href, { aws: { signQuery: true } })
      return { url: signed.url }
    },
  }
}

type PutOptions = Pick<BucketOptions, "tries" | "tryTimeoutMs" | "fetch"> & { signal: AbortSignal }

async function putObject(client: AwsClient, url: URL, { bytes, contentType, sha256 }: NewOutput, options: PutOptions) {
  const { tries = 4, tryTimeoutMs = 20_000, signal, fetch: send = fetch } = options
  for (let attempt = 0; ; attempt++) {
    const headers = { "content-type": contentType, "x-amz-content-sha256": sha256 }
    const request = await client.sign(url.href, { method: "PUT", headers, body: bytes as Uint8Array<ArrayBuffer> })
    const outcome = await tryOnce(() =>
      send(request, { signal: AbortSignal.any([signal, AbortSignal.timeout(tryTimeoutMs)]) }),
    )
    if (outcome === "stored") return
    signal.throwIfAborted()
    if (!outcome.mayPass || attempt + 1 >= tries) {
      const message = `Cannot store the output in its bucket: ${outcome.reason}`
      throw new AppError("output_not_stored", message, { cause: outcome.cause })
    }
    await sleep(Math.max(Math.min(MAX_RETRY_AFTER_MS, outcome.retryAfterMs), fullJitterMs(attempt)), signal)
  }
}

type Refused = { mayPass: boolean; reason: string; retryAfterMs: number; cause?: unknown }

async function tryOnce(send: () => Promise<Response>): Promise<"stored" | Refused> {
  try {
    const response = await send()
    const body = await response.text()
    if (response.ok) return "stored"
    // The code says what is wrong (AccessDenied, NoSuchBucket); the message may repeat what was signed.
    const code = /<Code>(\w{1,64})<\/Code>/.exec(body)?.[1]
    const { status } = response
    const mayPass = status >= 500 || status === 429 || status === 408
    return {
      mayPass,
      reason: `HTTP ${status}${code ? ` ${code}` : ""}`,
      retryAfterMs: retryAfterMs(response.headers, Date.now()) ?? 0,
    }
  } catch (cause) {
    const isLate = cause instanceof Error && cause.name === "TimeoutError"
    return { mayPass: true, reason: isLate ? "no answer in time" : "the connection failed", retryAfterMs: 0, cause }
  }
}

import type { ImageInfo } from "../../lib/queue/job.ts"
import type { RemoteSource } from "../../lib/queue/job-source.ts"
import { sizeLimits } from "../../lib/queue/queue-config.ts"
import { sleep } from "../../lib/sleep.ts"
import { fetchPicture } from "./fetch-picture.ts"
import { createGuardedFetch } from "./guarded/guarded-fetch.ts"
import { HostGates } from "./host-gates.ts"
import { inspectPicture } from "./inspect-picture.ts"

export type PictureSource = {
  /** @throws AppError url_refused, url_not_found, fetch_failed, fetch_timeout, image_too_large; the signal's reason */
  fetch: (source: RemoteSource, signal: AbortSignal) => Promise<Uint8Array>
  /** @throws AppError as fetch(), and what the bytes are refused with */
  inspect: (source: RemoteSource, options: { wantsHash: boolean; signal: AbortSignal }) => Promise<ImageInfo>
  close: () => Promise<void>
}

export type PictureSourceConfig = {
  FETCHES: number
  FETCHES_PER_HOST: number
  FETCH_TIMEOUT_MS: number
  FETCH_DEADLINE_MS: number
  MAX_IMAGE_BYTES: number
  MAX_IMAGE_PIXELS: number
  MAX_IMAGE_SIDE: number
  ALLOW_ADDRESSES: readonly string[]
}

/** Gets the images that were not sent. Connections are kept and used again. */
export function openPictureSource(config: PictureSourceConfig): PictureSource {
  const guarded = createGuardedFetch({
    allowAddresses: config.ALLOW_ADDRESSES,
    maxInFlight: config.FETCHES,
    maxConnectionsPerOrigin: config.FETCHES_PER_HOST,
  })
  const deps = {
    fetch: guarded.fetch,
    gates: new HostGates(config.FETCHES_PER_HOST),
    tryTimeoutMs: config.FETCH_TIMEOUT_MS,
    deadlineMs: config.FETCH_DEADLINE_MS,
    now: Date.now,
    sleep: (ms: number, signal: AbortSignal) => sleep(ms, signal),
  }
  const limits = { maxBytes: config.MAX_IMAGE_BYTES, ...sizeLimits(config) }
  return {
    fetch: ({ url }, signal) => fetchPicture(deps, { url, ...limits }, signal),
    inspect: ({ url }, { wantsHash, signal }) => inspectPicture(deps, { url, wantsHash, ...limits }, signal),
    close: () => guarded.close(),
  }
}

import { AppError } from "../../lib/app-error.ts"
import type { ClaimedJob, ImageInfo } from "../../lib/queue/job.ts"
import type { RemoteSource } from "../../lib/queue/job-source.ts"
import type { JobStore } from "../../lib/queue/job-store.ts"
import { sleep } from "../../lib/sleep.ts"
import type { PictureSource } from "../fetch/open-picture-source.ts"

export type PictureDeps = {
  store: Pick<JobStore, "getPayload">
  /** Where images come from that were not sent. */
  source: Pick<PictureSource, "fetch" | "inspect">
  /** Aborted when the process shuts down: what is still being fetched is left to other classifiers. */
  shutdown: AbortSignal
}

/** A replica can lag behind the primary that has the bytes: it is asked again before their absence is final. */
const LOOK_AGAIN_MS = [250, 1_000]

type Load = { signal: AbortSignal; reach: <T>(call: () => Promise<T>) => Promise<T> }

/** The bytes that a job is about. @throws AppError for what is an outcome of the job, ShuttingDown, the signal's reason */
export async function loadPicture(
  deps: PictureDeps,
  { payloadId, input: { source } }: ClaimedJob,
  { signal, reach }: Load,
): Promise<Uint8Array> {
  if (source.kind !== "payload") return unlessShutDown(deps, signal, (until) => deps.source.fetch(source, until))
  if (payloadId === undefined) throw new AppError("payload_expired", "The job names no image")
  for (const pauseMs of [0, ...LOOK_AGAIN_MS]) {
    if (pauseMs > 0) await sleep(pauseMs, signal)
    signal.throwIfAborted()
    const bytes = await reach(() => deps.store.getPayload(payloadId))
    if (bytes !== null) return bytes
  }
  throw new AppError("payload_expired", "The image's bytes are gone from Redis; send it again")
}

/** What is known of an image that was not sent. @throws as loadPicture() */
export function inspectRemote(
  deps: PictureDeps,
  source: RemoteSource,
  { wantsHash, signal }: { wantsHash: boolean; signal: AbortSignal },
): Promise<ImageInfo> {
  return unlessShutDown(deps, signal, (until) => deps.source.inspect(source, { wantsHash, signal: until }))
}

async function unlessShutDown<T>(
  { shutdown }: PictureDeps,
  signal: AbortSignal,
  call: (until: AbortSignal) => Promise<T>,
): Promise<T> {
  try {
    return await call(AbortSignal.any([signal, shutdown]))
  } catch (error) {
    if (shutdown.aborted && !signal.aborted) throw new ShuttingDown()
    throw error
  }
}

/** The process shuts down while the picture is still being fetched. */
export class ShuttingDown extends Error {}

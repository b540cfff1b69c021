import { refuseLargeImage, type SizeLimits, seenImage } from "../../lib/images/image-header.ts"
import type { ImageInfo } from "../../lib/queue/job.ts"
import { fetchPicture, fetchStart } from "./fetch-picture.ts"
import type { FetchDeps } from "./fetch-with-retries.ts"
import { inspectUrl } from "./inspect-url.ts"

export type InspectPicture = SizeLimits & { url: string; wantsHash: boolean; maxBytes: number }

/**
 * What is known of a picture, with as few of its bytes as that takes; the deadline is that of each of up to three requests.
 * @throws AppError unsupported_image, invalid_image, empty_body, side_too_long, too_many_pixels, and as fetchWithRetries()
 */
export async function inspectPicture(
  deps: FetchDeps,
  { url, wantsHash, maxBytes, ...limits }: InspectPicture,
  signal: AbortSignal,
): Promise<ImageInfo> {
  const { header, ...facts } = await inspectUrl({
    fetchStart: (bytes) => fetchStart(deps, { url, bytes }, signal),
    fetchAll: () => fetchPicture(deps, { url, maxBytes }, signal),
    wantsHash,
  })
  refuseLargeImage(header, limits)
  return { ...seenImage(header), ...facts }
}

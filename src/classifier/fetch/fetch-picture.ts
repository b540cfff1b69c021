import { type FetchDeps, fetchWithRetries } from "./fetch-with-retries.ts"
import type { FetchedPart } from "./inspect-url.ts"
import { rangeHeader, toFetchedPart } from "./to-fetched-part.ts"

/** All of a picture. @throws as fetchWithRetries() */
export async function fetchPicture(
  deps: FetchDeps,
  { url, maxBytes }: { url: string; maxBytes: number },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { body } = await fetchWithRetries(deps, { url, maxBytes, statuses: [200] }, signal)
  return body
}

/** Its first bytes, or null when the host's answer is none to the range that was asked for. @throws as fetchWithRetries() */
export async function fetchStart(
  deps: FetchDeps,
  { url, bytes }: { url: string; bytes: number },
  signal: AbortSignal,
): Promise<FetchedPart | null> {
  const asked = { url, headers: rangeHeader(bytes), maxBytes: bytes, onTooLarge: "truncate" as const }
  return toFetchedPart(await fetchWithRetries(deps, { ...asked, statuses: [200, 206, 416] }, signal))
}

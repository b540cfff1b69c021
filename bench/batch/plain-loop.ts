import { readImageHeader } from "../../src/lib/images/image-header.ts"

export type Loop = { perSecond: number; seconds: number; failed: number }

const TIMEOUT_MS = 10_000

/** What a script does: fetch each picture and do the work, `clients` at a time, with one try each. */
export async function plainLoop(
  urls: readonly string[],
  { clients, work }: { clients: number; work: (bytes: Uint8Array) => Promise<unknown> },
): Promise<Loop> {
  const startMs = performance.now()
  let next = 0
  let failed = 0
  await Promise.all(
    Array.from({ length: clients }, async () => {
      for (let url = urls[next++]; url !== undefined; url = urls[next++]) {
        try {
          const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
          if (!response.ok) throw new Error(`HTTP ${response.status}`)
          await work(new Uint8Array(await response.arrayBuffer()))
        } catch {
          failed++ // what the host does not give is counted, as a script would
        }
      }
    }),
  )
  const seconds = (performance.now() - startMs) / 1_000
  return { seconds, perSecond: urls.length / seconds, failed }
}

/** Size, dimensions and format of a picture, as the second teaching project reads them. */
export const inspectHere = async (bytes: Uint8Array) => readImageHeader(bytes)

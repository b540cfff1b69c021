import { Claimcheck, ClaimcheckError } from "../../lib/client/claimcheck.ts"
import type { EdgeAddress } from "../api/edge-options.ts"
import type { ImageFile } from "../files/read-image-file.ts"

export type StressOptions = EdgeAddress & {
  requests: number
  clients: number
  /** Start one every so often instead, however many are open. */
  everyMs?: number | undefined
  /** Allow cached results. */
  cached: boolean
  model?: string | undefined
  signal: AbortSignal
}

/** What one request came to. */
export type Sample = { ms: number; polls: number; cached: boolean } | { failure: ClaimcheckError }

export type Stressors = {
  done: (sample: Sample, count: number) => void
  now?: () => number
  sleep: (ms: number, signal: AbortSignal) => Promise<void>
  fetch?: typeof fetch
}

/** Sends all requests and waits for the results. Throws only for an abort or a bug. */
export async function runStress(
  images: readonly ImageFile[],
  options: StressOptions,
  { done, now = () => performance.now(), sleep, fetch: send = fetch }: Stressors,
): Promise<Sample[]> {
  const { requests, clients, everyMs, signal } = options
  const samples: Sample[] = []
  let next = 0
  const blobs = images.map(({ bytes, contentType }) => new Blob([bytes], { type: contentType }))
  const one = async (i: number) => {
    const sample = await classifyOnce(blobs[i % blobs.length] as Blob, options, { now, send })
    samples.push(sample)
    done(sample, samples.length)
  }
  if (everyMs === undefined) {
    const client = async () => {
      for (let i = next++; i < requests; i = next++) await one(i)
    }
    await Promise.all(Array.from({ length: Math.min(clients, requests) }, client))
    return samples
  }
  const open: Promise<void>[] = []
  for (let i = 0; i < requests; i++) {
    open.push(one(i))
    if (i + 1 < requests) await sleep(everyMs, signal)
    if (signal.aborted) break
  }
  await Promise.all(open)
  return samples
}

type Tools = { now: () => number; send: typeof fetch }

/** A client of its own for each request, so that its polls can be told from others'. */
async function classifyOnce(image: Blob, options: StressOptions, { now, send }: Tools): Promise<Sample> {
  const { url, key, model, cached, signal } = options
  let polls = 0
  const counting: typeof fetch = (input, init) => {
    if (init?.method === "GET") polls++
    return send(input, init)
  }
  const startedMs = now()
  try {
    const client = new Claimcheck({ url, key, fetch: counting })
    const ticket = await client.classify(image, { model, noCache: !cached, signal })
    return { ms: now() - startedMs, polls, cached: ticket.cached === true }
  } catch (error) {
    if (signal.aborted || !(error instanceof ClaimcheckError)) throw error
    return { failure: error }
  }
}

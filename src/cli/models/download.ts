import { open, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { fullJitterMs } from "../../lib/backoff.ts"
import { retryAfterMs } from "../../lib/retry-after.ts"
import { sleep } from "../../lib/sleep.ts"
import { CliError, describe } from "../cli-error.ts"
import { parseJson } from "../parse-json.ts"
import { followRedirects } from "./follow-redirects.ts"

export type DownloadOptions = {
  /** More is refused. */
  maxBytes: number
  /** How many bytes of the file are there now. */
  onBytes?: (bytes: number) => void
  signal: AbortSignal
  /** Failures in a row, without a byte in between that can be kept. */
  tries?: number
  /** Time without data after which a download is retried. */
  stallMs?: number
  retryBaseMs?: number
}

const MOST_TURNS = 100

/** A failure that may go away when the server is asked again. */
class BrokenOff extends Error {
  readonly waitMs: number | null
  /** What is kept is of no use to this server. */
  readonly fromStart: boolean

  constructor(message: string, options: { cause?: unknown; waitMs?: number | null; fromStart?: boolean } = {}) {
    super(message, { cause: options.cause })
    this.waitMs = options.waitMs ?? null
    this.fromStart = options.fromStart ?? false
  }
}

/**
 * Fetches a file. What came before a break stays in `<file>.part`, with the server's mark of that very version beside it,
 * and the rest is asked for by Range: at once, or by a later run. The file gets its name when all is there.
 * @throws CliError
 */
export async function download(url: string, file: string, options: DownloadOptions): Promise<void> {
  const { signal, tries = 5, retryBaseMs = 500 } = options
  const part = `${file}.part`
  for (let turn = 1, failures = 0; ; turn++) {
    const before = await keptBytes(part, url)
    try {
      await fetchRest(url, part, before, options)
      await rename(part, file)
      await rm(markFile(part), { force: true })
      return
    } catch (error) {
      if (signal.aborted || !(error instanceof BrokenOff)) throw error
      if (error.fromStart) await rm(markFile(part), { force: true })
      failures = (await keptBytes(part, url)) > before ? 1 : failures + 1
      if (failures >= tries || turn >= MOST_TURNS)
        throw new CliError(`Cannot fetch ${url}: ${error.message}`, { cause: error })
      const waitMs = error.waitMs ?? fullJitterMs(failures, { baseMs: retryBaseMs, capMs: 10_000 })
      await sleep(Math.min(waitMs, 60_000), signal)
      if (signal.aborted) throw error
    }
  }
}

async function fetchRest(url: string, part: string, have: number, options: DownloadOptions): Promise<void> {
  const { maxBytes, onBytes, signal, stallMs = 30_000 } = options
  const stalled = new AbortController()
  const stall = () => stalled.abort(new Error(`no byte for ${stallMs} ms`))
  let timer = setTimeout(stall, stallMs)
  try {
    const mark = await readMark(part)
    const response = await followRedirects(url, {
      headers: {
        "accept-encoding": "identity",
        ...(have > 0 && mark && { range: `bytes=${have}-`, "if-range": mark.validator }),
      },
      signal: AbortSignal.any([signal, stalled.signal]),
    })
    const start = await startOf(response, url, have)
    const total = totalOf(response, start)
    if (total !== null && total > maxBytes) throw tooLarge(url, total, maxBytes)
    if (start === 0) await writeMark(part, url, response.headers)
    const out = await open(part, start === 0 ? "w" : "a")
    let bytes = start
    try {
      for await (const chunk of chunksOf(response)) {
        clearTimeout(timer)
        timer = setTimeout(stall, stallMs)
        bytes += chunk.byteLength
        if (bytes > maxBytes) throw tooLarge(url, bytes, maxBytes)
        // Written before the next is asked for: what came before a break is kept.
        await out.write(chunk)
        onBytes?.(bytes)
      }
    } finally {
      await out.close()
    }
    if (total !== null && bytes < total) throw new BrokenOff(`it ended after ${bytes} of ${total} bytes`)
  } catch (error) {
    if (signal.aborted || error instanceof CliError || error instanceof BrokenOff) throw error
    const reason = stalled.signal.aborted ? describe(stalled.signal.reason) : reasonOf(error)
    throw new BrokenOff(reason, { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

/** Where the answer's bytes begin. */
async function startOf(response: Response, url: string, have: number): Promise<number> {
  const { status, headers } = response
  if (status === 200) return 0
  if (status === 206 && have > 0 && headers.get("content-range")?.startsWith(`bytes ${have}-`)) return have
  await response.body?.cancel()
  if (status === 206 || status === 416)
    throw new BrokenOff(`it answers ${status} to a range`, { waitMs: 0, fromStart: true })
  const message = `Cannot fetch ${url}: the server answers ${status}`
  if (status < 500 && status !== 429 && status !== 408) throw new CliError(message, { code: `http_${status}` })
  throw new BrokenOff(`the server answers ${status}`, { waitMs: retryAfterMs(headers, Date.now()) })
}

function totalOf({ headers }: Response, start: number): number | null {
  const whole = headers.get("content-range")?.match(/\/(\d+)$/)?.[1]
  if (whole !== undefined) return Number(whole)
  const length = headers.get("content-length")
  return length === null || headers.has("content-encoding") ? null : start + Number(length)
}

async function* chunksOf({ body }: Response): AsyncGenerator<Uint8Array> {
  const reader = body?.getReader()
  if (!reader) return
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    await reader.cancel().catch(() => undefined) // The read itself has already reported the failure.
  }
}

function tooLarge(url: string, bytes: number, maxBytes: number): CliError {
  return new CliError(`Cannot fetch ${url}: it has ${bytes} bytes or more, and at most ${maxBytes} are expected`)
}

type Mark = { url: string; validator: string }

const markFile = (part: string) => `${part}.json`

/** Only a strong mark tells that the rest belongs to what is here (RFC 9110, If-Range). */
async function writeMark(part: string, url: string, headers: Headers): Promise<void> {
  const etag = headers.get("etag")
  const validator = etag?.startsWith('"') ? etag : headers.get("last-modified")
  await rm(part, { force: true })
  if (validator === null) await rm(markFile(part), { force: true })
  else await writeFile(markFile(part), JSON.stringify({ url, validator } satisfies Mark))
}

async function readMark(part: string): Promise<Mark | null> {
  try {
    return parseJson(await readFile(markFile(part), "utf8")) as Mark | null
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null
    throw error
  }
}

async function keptBytes(part: string, url: string): Promise<number> {
  if ((await readMark(part))?.url !== url) return 0
  return stat(part).then(
    ({ size }) => size,
    () => 0,
  )
}

const NO_HOST: ReadonlySet<string> = new Set(["ENOTFOUND", "EAI_AGAIN"])

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const { code = "", address, port } = cause as NodeJS.ErrnoException & { address?: string; port?: number }
  if (code === "ECONNREFUSED") return `nothing listens at ${address}:${port}`
  return NO_HOST.has(code) ? "there is no such host, or no network here" : describe(cause)
}

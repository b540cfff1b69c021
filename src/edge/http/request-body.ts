import { AppError } from "../../lib/app-error.ts"

/** A body that brings too little in so long is too slow. */
const SLOW_AFTER_MS = 10_000

const over = new WeakSet<ReadableStream>()

export type Clock = { now: () => number; sleep: (ms: number, signal?: AbortSignal) => Promise<void> }

export type BodyRules = Clock & {
  /** The lowest rate that is accepted now. */
  minBytesPerS: () => number
  BODY_TIMEOUT_MS: number
  /** Counts bytes that are kept of the body. @throws AppError when there is no room for them */
  hold: (bytes: number) => void
}

/** A request's body as it arrives. Its reader calls hold() for the bytes it keeps. */
export class RequestBody {
  readonly request: Request
  readonly hold: (bytes: number) => void
  readonly #rules: BodyRules
  /** Time spent waiting for the sender, not for us. */
  #waitedMs = 0
  #window = { endMs: SLOW_AFTER_MS, bytes: 0 }

  constructor(request: Request, rules: BodyRules) {
    this.request = request
    this.hold = rules.hold
    this.#rules = rules
  }

  /**
   * The next piece, or null at the end. The body is unlocked between two of them, so that a refusal leaves the rest to
   * discardRest().
   * @throws AppError bad_request for a body that ends before it should, body_too_slow, unsupported_encoding
   */
  async read(): Promise<Uint8Array | null> {
    const { body, headers } = this.request
    if (body === null) return null
    const encoding = headers.get("content-encoding") ?? "identity"
    if (!/^\s*(identity)?\s*$/i.test(encoding)) {
      throw new AppError(
        "unsupported_encoding",
        "Cannot read the body: Content-Encoding is not supported; send it as it is",
      )
    }
    const reader = body.getReader()
    const piece = reader
      .read()
      .catch((cause: unknown) => {
        // A client that goes away is no failure of ours.
        throw new AppError("bad_request", "Cannot read the body: it ended too early", { cause })
      })
      // A reader that still waits for a piece cannot be released on every runtime.
      .finally(() => reader.releaseLock())
    const { done, value } = await this.#inTime(piece)
    if (done) over.add(body)
    this.#window.bytes += value?.length ?? 0
    return value ?? null
  }

  /** Waits for a piece of the body as long as enough of it has come. */
  async #inTime<T>(piece: Promise<T>): Promise<T> {
    const { BODY_TIMEOUT_MS, minBytesPerS, now, sleep } = this.#rules
    for (;;) {
      const startMs = now()
      const leftMs = Math.min(this.#window.endMs, BODY_TIMEOUT_MS) - this.#waitedMs
      const arrived = new AbortController()
      const value = await Promise.race([piece, sleep(leftMs, arrived.signal)]).finally(() => arrived.abort())
      this.#waitedMs += value === undefined ? leftMs : Math.max(0, now() - startMs)
      if (this.#waitedMs >= BODY_TIMEOUT_MS) throw this.#tooSlow(`it took longer than ${BODY_TIMEOUT_MS / 1_000} s`)
      if (this.#waitedMs >= this.#window.endMs) {
        const minBytes = minBytesPerS()
        if (this.#window.bytes < (minBytes * SLOW_AFTER_MS) / 1_000) {
          const why = `less than ${minBytes} bytes a second of it came for ${SLOW_AFTER_MS / 1_000} s`
          throw this.#tooSlow(why)
        }
        this.#window = { endMs: this.#waitedMs + SLOW_AFTER_MS, bytes: 0 }
      }
      if (value !== undefined) return value
    }
  }

  #tooSlow(why: string): AppError {
    if (this.request.body !== null) over.add(this.request.body)
    return new AppError("body_too_slow", `Cannot accept the body: ${why}`)
  }
}

/** Whether the body is done: read to its end, or refused as too slow. */
export function isOver(body: ReadableStream): boolean {
  return over.has(body)
}

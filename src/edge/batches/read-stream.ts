import { AppError } from "../../lib/app-error.ts"

/** How much of a body that is refused is read and thrown away, so that its sender hears the answer. */
const MAX_DISCARDED_BYTES = 64_000_000

/** The bytes of a request's body as they come, counted. */
export class BodyStream implements AsyncIterator<Uint8Array> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  readonly #maxBytes: number
  #bytes = 0
  #isOver: boolean

  /** @throws AppError list_too_large for a length that is said to be too much */
  constructor(request: Request, maxBytes: number) {
    this.#maxBytes = maxBytes
    // Before it is taken: what is refused unread is left to who reads the rest (src/edge/read-body.ts).
    if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw this.#tooLarge()
    this.#reader = request.body?.getReader()
    this.#isOver = this.#reader === undefined
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @throws AppError list_too_large; bad_request for a body that ends before it should */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const value = await this.#read()
    if (value === null) return { done: true, value: undefined }
    if (this.#bytes > this.#maxBytes) throw this.#tooLarge()
    return { done: false, value }
  }

  /** Reads what is left and throws it away: breaking off in the middle would cost the client its answer. */
  async discard(): Promise<void> {
    while (!this.#isOver) {
      if (this.#bytes > MAX_DISCARDED_BYTES) {
        this.#isOver = true
        await this.#reader?.cancel()
      } else await this.#read().catch(() => "whoever sent it is gone")
    }
  }

  async #read(): Promise<Uint8Array | null> {
    if (this.#reader === undefined || this.#isOver) return null
    try {
      const { done, value } = await this.#reader.read()
      if (done) this.#isOver = true
      this.#bytes += value?.length ?? 0
      return value ?? null
    } catch (cause) {
      this.#isOver = true
      throw new AppError("bad_request", "Cannot read the body: it ended too early", { cause })
    }
  }

  #tooLarge(): AppError {
    return new AppError("list_too_large", `Cannot accept the list: it has more than ${this.#maxBytes} bytes`)
  }
}

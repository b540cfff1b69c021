import { listTooLarge } from "../../lib/too-large.ts"
import { readPiece } from "../read-body.ts"

/** The bytes of a request's body as they come, counted. What is refused is left to who reads the rest (src/edge/read-body.ts). */
export class BodyStream implements AsyncIterator<Uint8Array> {
  readonly #body: ReadableStream<Uint8Array> | null
  readonly #maxBytes: number
  #bytes = 0

  /** @throws AppError list_too_large for a length that is said to be too much */
  constructor(request: Request, maxBytes: number) {
    this.#maxBytes = maxBytes
    if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw listTooLarge(maxBytes)
    this.#body = request.body
  }

  /** @throws AppError list_too_large; bad_request for a body that ends before it should */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const value = await readPiece(this.#body)
    if (value === null) return { done: true, value: undefined }
    this.#bytes += value.length
    if (this.#bytes > this.#maxBytes) throw listTooLarge(this.#maxBytes)
    return { done: false, value }
  }
}

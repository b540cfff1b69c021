import { listTooLarge } from "../../lib/images/too-large.ts"
import type { RequestBody } from "../http/request-body.ts"

/** The bytes of a request's body as they come, counted. After a refusal, discardRest() reads the rest (src/edge/http/read-body.ts). */
export class BodyStream implements AsyncIterator<Uint8Array> {
  readonly #body: RequestBody
  readonly #maxBytes: number
  #bytes = 0

  /** @throws AppError list_too_large for a Content-Length over the limit */
  constructor(body: RequestBody, maxBytes: number) {
    this.#maxBytes = maxBytes
    if (Number(body.request.headers.get("content-length") ?? 0) > maxBytes) throw listTooLarge(maxBytes)
    this.#body = body
  }

  /** @throws AppError list_too_large, and what a RequestBody throws */
  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    const value = await this.#body.read()
    if (value === null) return { done: true, value: undefined }
    this.#bytes += value.length
    if (this.#bytes > this.#maxBytes) throw listTooLarge(this.#maxBytes)
    // Its URLs are known until its end, so that each becomes one picture.
    this.#body.hold(value.length)
    return { done: false, value }
  }
}

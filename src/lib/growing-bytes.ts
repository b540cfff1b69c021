const FIRST_BYTES = 65_536

/** One buffer for a body in pieces: a list of single-byte pieces would take two hundred times its size. */
export class GrowingBytes {
  #buffer = new Uint8Array(0)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** By how much the buffer grows if the piece is appended. */
  growthFor(piece: Uint8Array): number {
    const length = this.#length + piece.length
    const held = this.#buffer.length
    return length <= held ? 0 : Math.max(length, 2 * held, FIRST_BYTES) - held
  }

  append(piece: Uint8Array): void {
    const length = this.#length + piece.length
    const growth = this.growthFor(piece)
    if (growth > 0) {
      const grown = new Uint8Array(this.#buffer.length + growth)
      grown.set(this.#buffer.subarray(0, this.#length))
      this.#buffer = grown
    }
    this.#buffer.set(piece, this.#length)
    this.#length = length
  }

  /** All bytes, in a buffer of exactly that length. */
  take(): Uint8Array<ArrayBuffer> {
    const bytes = this.#buffer.slice(0, this.#length)
    this.#buffer = new Uint8Array(0)
    this.#length = 0
    return bytes
  }
}

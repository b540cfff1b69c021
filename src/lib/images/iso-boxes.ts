import { AppError } from "../app-error.ts"

export type Box = { type: string; start: number; end: number }

/** A real file has some dozens; what has more is made to cost time. */
const MAX_STEPS = 65_536

/** Walks the boxes of an ISO base media file (ISO/IEC 14496-12, 4.2) within one budget of steps for the whole file. */
export class IsoBoxes {
  readonly view: DataView
  #steps = 0

  constructor(bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** The boxes between two offsets, their contents without their headers. Ends where one does not fit. */
  list(start: number, end: number): Box[] {
    const boxes: Box[] = []
    for (let at = start; at + 8 <= end; ) {
      this.step()
      const size = this.view.getUint32(at)
      const isLarge = size === 1
      const content = at + (isLarge ? 16 : 8)
      if (content > end) break
      const boxEnd = size === 0 ? end : at + (isLarge ? Number(this.view.getBigUint64(at + 8)) : size)
      // A last box that is cut off is read as far as it goes.
      if (boxEnd < content) break
      boxes.push({ type: this.text(at + 4), start: content, end: Math.min(boxEnd, end) })
      at = boxEnd
    }
    return boxes
  }

  /** The first box of a type; `skip` are the bytes before the boxes: 4 in a full box. */
  find(parent: Pick<Box, "start" | "end"> | undefined, type: string, skip = 0): Box | undefined {
    return parent && this.list(parent.start + skip, parent.end).find((box) => box.type === type)
  }

  text(at: number): string {
    return String.fromCharCode(...[0, 1, 2, 3].map((i) => this.view.getUint8(at + i)))
  }

  step(): void {
    if (++this.#steps > MAX_STEPS) throw new AppError("invalid_image", "Cannot read image: the AVIF has too many boxes")
  }
}

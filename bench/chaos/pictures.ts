import { createHash } from "node:crypto"
import { encode } from "jpeg-js"
import { between, type Random, randomFor, wholeBetween } from "./random.ts"

const SIDE = 96

export type Upload = { base: number; bytes: Uint8Array<ArrayBuffer>; sha256: string }

/** Small JPEGs of coloured blocks, each different in what is seen. */
export function drawPictures(seed: number, count: number): Uint8Array[] {
  const random = randomFor(seed, "pictures")
  return Array.from({ length: count }, () => drawPicture(random))
}

function drawPicture(random: Random): Uint8Array {
  const data = new Uint8Array(SIDE * SIDE * 4).fill(255)
  const color = () => [between(random, 0, 255), between(random, 0, 255), between(random, 0, 255)]
  const block = (left: number, top: number, right: number, bottom: number) => {
    const rgb = color()
    const slope = between(random, -1, 1)
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        data.set(
          rgb.map((level) => Math.max(0, Math.min(255, level + slope * (x + y)))),
          (y * SIDE + x) * 4,
        )
      }
    }
  }
  block(0, 0, SIDE, SIDE)
  for (let i = wholeBetween(random, 2, 9); i > 0; i--) {
    const [x, y] = [wholeBetween(random, 0, SIDE - 8), wholeBetween(random, 0, SIDE - 8)]
    block(x, y, wholeBetween(random, x + 4, SIDE), wholeBetween(random, y + 4, SIDE))
  }
  return new Uint8Array(encode({ width: SIDE, height: SIDE, data }, 80).data)
}

/** The same picture under bytes of its own: a comment segment (FF FE) behind the start of the JPEG changes no pixel. */
export function stamp(pictures: readonly Uint8Array[], base: number, comment: string): Upload {
  const jpeg = pictures[base]
  if (jpeg === undefined) throw new Error(`There is no picture ${base}`)
  const text = new TextEncoder().encode(comment)
  const bytes = new Uint8Array(jpeg.length + text.length + 4)
  bytes.set(jpeg.subarray(0, 2))
  bytes.set([0xff, 0xfe, (text.length + 2) >> 8, (text.length + 2) & 255], 2)
  bytes.set(text, 6)
  bytes.set(jpeg.subarray(2), 6 + text.length)
  return { base, bytes, sha256: createHash("sha256").update(bytes).digest("hex") }
}

import { AppError } from "../app-error.ts"
import type { HeaderFacts } from "./image-formats.ts"

const IMAGE = 0x2c
const EXTENSION = 0x21
/** Blocks of up to 255 bytes each; full ones would be 66 MB. More of them is made to cost the edge its CPU time. */
const MAX_BLOCKS = 262_144

/**
 * Reads the size and counts the frames, which costs a step for each 255 bytes. https://www.w3.org/Graphics/GIF/spec-gif89a.txt
 * @throws AppError invalid_image
 */
export function readGifHeader(bytes: Uint8Array): HeaderFacts {
  if (bytes.length < 13) throw damaged("is cut off in its header")
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const width = view.getUint16(6, true)
  const height = view.getUint16(8, true)
  if (width === 0 || height === 0) throw damaged("has no size")
  let frames = 0
  let blocks = 0
  // Where the bytes end, or are neither image nor extension, a decoder ends too.
  for (let at = 13 + colorTableBytes(view.getUint8(10)); at < bytes.length; ) {
    const kind = bytes[at]
    if (kind === IMAGE) {
      frames++
      at += 11 + colorTableBytes(bytes[at + 9] ?? 0)
    } else if (kind === EXTENSION) at += 2
    else break
    for (; (bytes[at] ?? 0) > 0; at += 1 + (bytes[at] ?? 0)) {
      if (++blocks > MAX_BLOCKS) throw damaged("has more blocks than can be counted")
    }
    at++
    if (++blocks > MAX_BLOCKS) throw damaged("has more blocks than can be counted")
  }
  return { width, height, frames: Math.max(1, frames) }
}

function colorTableBytes(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0
}

function damaged(how: string): AppError {
  return new AppError("invalid_image", `Cannot read image: the GIF ${how}`)
}

import { AppError } from "./app-error.ts"

const MAX_SIDE = 2 ** 31 - 1

/**
 * Reads IHDR, which must be a PNG's first chunk (PNG specification, third edition, 11.2.1).
 * @throws AppError invalid_image
 */
export function readPngHeader(bytes: Uint8Array): { width: number; height: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isHeader = bytes.length >= 33 && view.getUint32(8) === 13 && view.getUint32(12) === 0x49484452
  if (!isHeader) throw new AppError("invalid_image", "Cannot read image: the PNG does not begin with its header")
  const width = view.getUint32(16)
  const height = view.getUint32(20)
  if (width === 0 || height === 0 || width > MAX_SIDE || height > MAX_SIDE) {
    throw new AppError("invalid_image", "Cannot read image: the PNG has no size")
  }
  return { width, height }
}

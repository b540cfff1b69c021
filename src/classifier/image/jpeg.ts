import { decode } from "jpeg-js"
import { AppError } from "../../lib/app-error.ts"
import type { DecodeLimits, StoredImage } from "./codec.ts"
import { readJpegFrame } from "./jpeg-frame.ts"

const SOF_PROGRESSIVE = 0xc2

/** What jpeg-js holds at most: coefficients of all components at once, then their samples, then the picture. */
export function jpegDecodeBytes(bytes: Uint8Array, { width, height }: { width: number; height: number }): number {
  return width * height * ((readJpegFrame(bytes)?.samplesPerPixel ?? 4) * 9.5 + 5)
}

/** Baseline and progressive JPEG in plain JavaScript, which runs wherever Node does. */
export function decodeJpeg(bytes: Uint8Array, { maxPixels, maxDecodeBytes }: DecodeLimits): StoredImage {
  const frame = readJpegFrame(bytes)
  if (frame && (frame.marker > SOF_PROGRESSIVE || frame.bitsPerSample !== 8)) {
    throw new AppError(
      "unsupported_image",
      "Cannot decode JPEG: only baseline and progressive with 8 bits are read here",
    )
  }
  try {
    const { width, height, data } = decode(bytes, {
      useTArray: true,
      formatAsRGBA: false,
      // jpeg-js takes three components for YCbCr even where the file says that they are red, green and blue.
      ...(frame?.components === 3 && frame.adobeTransform === 0 ? { colorTransform: false } : {}),
      // Strict decoding refuses sound grey files with restart markers. A truncated one fails either way.
      tolerantDecoding: true,
      maxResolutionInMP: maxPixels / 1e6,
      maxMemoryUsageInMB: maxDecodeBytes / 2 ** 20,
    })
    return { width, height, rgb: data }
  } catch (cause) {
    throw asAppError(cause, maxDecodeBytes)
  }
}

function asAppError(cause: unknown, maxDecodeBytes: number): AppError {
  const text = cause instanceof Error ? cause.message : ""
  if (text.startsWith("maxResolutionInMP") || text.startsWith("maxMemoryUsageInMB")) {
    const message = `Cannot decode JPEG: it needs more than ${Math.floor(maxDecodeBytes / 2 ** 20)} MiB`
    return new AppError("too_many_pixels", message, { cause })
  }
  if (text.startsWith("Unsupported color mode")) {
    return new AppError("unsupported_image", "Cannot decode JPEG: its colours are in a mode not read here", { cause })
  }
  return new AppError("invalid_image", "Cannot decode JPEG: it is damaged or cut off", { cause })
}

import type { Metadata, Sharp } from "sharp"
import { AppError } from "../../lib/app-error.ts"
import type { ImageHeader } from "../../lib/images/image-formats.ts"
import { refuseLargeImage, uprightSize } from "../../lib/images/image-header.ts"
import { type DecodeLimits, refuseDecodeBytes } from "./codec.ts"
import { refuseManyScans } from "./jpeg-frame.ts"
import type { SharpModule } from "./load-sharp.ts"
import { nativeDecodeBytes } from "./native-decode-bytes.ts"
import { withoutCostlyChunks } from "./png-chunks.ts"

/** A picture that libvips can read, within the limits. Nothing is decoded before a pipeline of it runs. */
export type NativePicture = {
  metadata: Metadata
  pipeline: Sharp
  /** What its decoder is going to hold at most. */
  decodeBytes: number
}

/**
 * Opens the first frame of a picture, in sRGB; its orientation is not applied. What the decoder makes of it must be what its
 * header said. Rejects with an AppError.
 */
export async function openNativePicture(
  sharp: SharpModule,
  bytes: Uint8Array,
  { header, limits }: { header: ImageHeader; limits: DecodeLimits },
): Promise<NativePicture> {
  const decoded = withoutTraps(bytes, header)
  const open = (ignoreIcc = false): Sharp =>
    sharp(decoded, {
      ignoreIcc,
      // The decoder's own reading of the size is held to the limit too. All else that libvips bounds stays bounded.
      limitInputPixels: limits.maxPixels,
      unlimited: false,
      // Truncated and damaged pictures fail; what decoders only warn of (stray bytes, odd tags) does not.
      failOn: "error",
      sequentialRead: true,
      pages: 1,
    })
  return nativeWork({ header, limits }, async () => {
    const metadata = await open().metadata()
    refuseLies(metadata, header, limits)
    const pipeline = open(isSrgb(metadata)).timeout({ seconds: Math.ceil(limits.maxDecodeMs / 1_000) })
    // sharp takes 16 bits with a profile to Display P3, and would leave them there.
    if (metadata.hasProfile && metadata.depth === "ushort") pipeline.withIccProfile("srgb", { attach: false })
    return { metadata, pipeline, decodeBytes: nativeDecodeBytes(decoded, header, metadata) }
  })
}

/** The bytes that a decoder is given. @throws AppError */
function withoutTraps(bytes: Uint8Array, header: ImageHeader): Uint8Array {
  if (header.format === "jpeg") refuseManyScans(bytes, header)
  return header.format === "png" ? withoutCostlyChunks(bytes) : bytes
}

/**
 * Whether the profile is the common one of sRGB itself, by the names in its header (ICC.1, 7.2.12 and 7.2.13). To apply it
 * changes no value and takes two fifths of a small photo's time.
 */
function isSrgb({ icc, depth }: Metadata): boolean {
  return depth === "uchar" && icc?.toString("latin1", 48, 56) === "IEC sRGB"
}

/** Runs what asks libvips, and gives its failures codes of ours. */
export async function nativeWork<T>(
  { header, limits }: { header: ImageHeader; limits: DecodeLimits },
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw error instanceof AppError ? error : asAppError(error, header, limits)
  }
}

function refuseLies({ format, width, height }: Metadata, header: ImageHeader, limits: DecodeLimits): void {
  const stored = header.format === "avif" ? uprightSize(header) : header
  const isSame = (format === "heif" ? "avif" : format) === header.format
  // What a GIF claims as its screen is often not its picture's size, and libvips goes by the picture.
  if (header.format === "gif")
    refuseLargeImage({ width, height, frames: header.frames, pixels: width * height * header.frames }, limits)
  if (isSame && (format === "gif" || (width === stored.width && height === stored.height))) return
  throw new AppError("invalid_image", "Cannot decode image: its header and its content differ in size or format")
}

/**
 * Holds what decoding takes, and what is made beside it, to MAX_DECODE_BYTES: called before a pipeline runs.
 * @throws AppError too_many_pixels
 */
export function refuseMemory(
  { header, limits, decodeBytes }: Pick<NativePicture, "decodeBytes"> & { header: ImageHeader; limits: DecodeLimits },
  madeBytes: number,
): void {
  refuseDecodeBytes(header, decodeBytes + madeBytes, limits.maxDecodeBytes)
}

function asAppError(cause: unknown, { format }: ImageHeader, { maxPixels, maxDecodeMs }: DecodeLimits): AppError {
  const text = cause instanceof Error ? cause.message : ""
  if (text.includes("exceeds pixel limit")) {
    return new AppError("too_many_pixels", `Cannot decode image: it exceeds ${maxPixels} pixels`, { cause })
  }
  if (text.includes("timeout:")) {
    return new AppError("job_timeout", `Cannot decode image: it takes longer than ${maxDecodeMs} ms`, { cause })
  }
  if (/unsupported|not supported|no support/i.test(text)) {
    return new AppError("unsupported_image", `Cannot decode image: a kind of ${format} not read here`, { cause })
  }
  return new AppError("invalid_image", `Cannot decode image: the ${format} is damaged or cut off`, { cause })
}

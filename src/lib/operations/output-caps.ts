export type EncodedFormat = "jpeg" | "png" | "webp" | "avif"

/**
 * What an encoder may be asked for, so that noise with alpha at quality 100, enlarged before, takes 7.5 s and 460 MB (docs/decisions/0014-heavy-work.md).
 * JPEG and PNG cost so little that MAX_IMAGE_PIXELS is their bound. Sides are what each format or its library can hold.
 */
export const OUTPUT_CAPS: { [F in EncodedFormat]: { maxPixels: number; maxSidePx: number } } = {
  avif: { maxPixels: 2 ** 22, maxSidePx: 16_384 },
  webp: { maxPixels: 12_500_000, maxSidePx: 16_383 },
  jpeg: { maxPixels: Number.POSITIVE_INFINITY, maxSidePx: 65_500 },
  png: { maxPixels: Number.POSITIVE_INFINITY, maxSidePx: Number.POSITIVE_INFINITY },
}

/** For those who describe options. */
export const outputCapsText = `At most ${OUTPUT_CAPS.avif.maxPixels} pixels as AVIF, ${OUTPUT_CAPS.webp.maxPixels} as WebP`

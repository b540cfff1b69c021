/** The formats there are codecs for, and what people call them. */
export const IMAGE_FORMATS = {
  jpeg: "JPEG",
  png: "PNG",
  webp: "WebP",
  avif: "AVIF",
  gif: "GIF",
  tiff: "TIFF",
} as const
export type ImageFormat = keyof typeof IMAGE_FORMATS

/** What the first bytes say. Width and height are as stored, before the orientation is applied. */
export type ImageHeader = {
  format: ImageFormat
  /** Pixels. */
  width: number
  height: number
  /** As in EXIF, 1 to 8; 1 is upright (CIPA DC-008, tag 0x0112). */
  orientation: number
  /** Pictures in the file: frames of a moving one, pages of a TIFF. */
  frames: number
  /** Of all frames together. */
  pixels: number
  /** A JPEG that comes in several scans: it is decoded at its full size, however small a picture is wanted. */
  isProgressive?: boolean
}

/** What the reader of one format finds; what it leaves out is upright, and alone. */
export type HeaderFacts = Pick<ImageHeader, "width" | "height"> &
  Partial<Pick<ImageHeader, "orientation" | "frames" | "pixels" | "isProgressive">>

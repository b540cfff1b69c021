/** Formats with a codec, and their file extensions, the usual one first. The content type is `image/` and the key. */
export const IMAGE_FORMATS = {
  jpeg: { title: "JPEG", endings: ["jpg", "jpeg"] },
  png: { title: "PNG", endings: ["png"] },
  webp: { title: "WebP", endings: ["webp"] },
  avif: { title: "AVIF", endings: ["avif"] },
  gif: { title: "GIF", endings: ["gif"] },
  tiff: { title: "TIFF", endings: ["tif", "tiff"] },
} as const satisfies Record<string, { title: string; endings: readonly [string, ...string[]] }>
export type ImageFormat = keyof typeof IMAGE_FORMATS

export const IMAGE_ENDINGS: readonly string[] = Object.values(IMAGE_FORMATS).flatMap(({ endings }) => endings)

const OTHER_ENDINGS: Readonly<Record<string, string>> = { "application/json": "json", "application/x-npy": "npy" }

/** What the file of an output is called by its content type; "bin" for a type that is not known here. */
export function endingOf(contentType: string): string {
  const format = contentType.replace(/^image\//, "")
  const known = Object.entries(IMAGE_FORMATS).find(([name]) => name === format && contentType !== format)
  return known?.[1].endings[0] ?? OTHER_ENDINGS[contentType] ?? "bin"
}

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
  /** A JPEG in several scans: it is decoded at its full size, even for a small result. */
  isProgressive?: boolean
}

/** What the reader of one format finds; what it leaves out is upright, and alone. */
export type HeaderFacts = Pick<ImageHeader, "width" | "height"> &
  Partial<Pick<ImageHeader, "orientation" | "frames" | "pixels" | "isProgressive">>

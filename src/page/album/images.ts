import type { Album } from "./album.ts"
import { createLimiter } from "./limiter.ts"

const THUMBNAIL_HEIGHT = 256
const MAX_THUMBNAIL_WIDTH = 512
/** A decoded picture of 50 megapixels takes 200 MB. */
const oneByOne = createLimiter(1)

/** Addresses of pictures for `<img>`; each is made once and lives until its picture is removed. */
export class Images {
  readonly #album: Album
  readonly #thumbnails = new Map<string, Promise<string | null>>()
  /** The picture shown large; only one is kept in memory. */
  #large: { id: string; url: string } | null = null

  constructor(album: Album) {
    this.#album = album
  }

  /** Null where the browser cannot read the picture. */
  thumbnail(id: string): Promise<string | null> {
    let url = this.#thumbnails.get(id)
    if (url === undefined) {
      url = this.#makeThumbnail(id)
      this.#thumbnails.set(id, url)
    }
    return url
  }

  /** The picture itself while the page has it, later its thumbnail. */
  async large(id: string): Promise<string | null> {
    const file = this.#album.fileAtHand(id)
    if (file === undefined) return this.thumbnail(id)
    if (this.#large?.id === id) return this.#large.url
    if (this.#large !== null) URL.revokeObjectURL(this.#large.url)
    this.#large = { id, url: URL.createObjectURL(file) }
    return this.#large.url
  }

  async forget(id: string): Promise<void> {
    const url = await this.#thumbnails.get(id)
    this.#thumbnails.delete(id)
    if (url) URL.revokeObjectURL(url)
  }

  async #makeThumbnail(id: string): Promise<string | null> {
    const kept = await this.#album.readThumbnail(id)
    if (kept !== undefined) return URL.createObjectURL(kept)
    const file = await this.#album.file(id)
    const made = file === undefined ? null : await makeThumbnail(file)
    this.#album.saveThumbnail(id, made)
    return made === null ? null : URL.createObjectURL(made)
  }
}

/** A small JPEG of a picture, upright; null where the browser cannot read it. */
function makeThumbnail(file: Blob): Promise<Blob | null> {
  return oneByOne(async () => {
    try {
      const bitmap = await createImageBitmap(file, { resizeHeight: THUMBNAIL_HEIGHT, resizeQuality: "medium" })
      const canvas = document.createElement("canvas")
      canvas.width = Math.min(bitmap.width, MAX_THUMBNAIL_WIDTH)
      canvas.height = bitmap.height
      const context = canvas.getContext("2d")
      if (context === null) return null
      // Transparent pixels would turn black.
      context.fillStyle = "#fff"
      context.fillRect(0, 0, canvas.width, canvas.height)
      context.drawImage(bitmap, (canvas.width - bitmap.width) / 2, 0)
      bitmap.close()
      return await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8))
    } catch {
      return null // The browser cannot decode it; the server may.
    }
  })
}

import type { Album } from "./album.ts"
import { makeThumbnail } from "./thumbnail.ts"

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

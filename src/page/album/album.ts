import type { Shrunk } from "../../lib/client/claimcheck.ts"
import type { QueueStats } from "../../lib/queue/queue-stats.ts"
import type { History } from "./history.ts"
import { looksLikePicture } from "./incoming.ts"
import { comparePictures, haltOf, isDone, newPicture, type Picture, type Progress } from "./picture.ts"

/** Limit of stored items; the oldest are removed. */
const MAX_KEPT = 500

export type AlbumEvents = {
  added: (pictures: readonly Picture[]) => void
  changed: (picture: Picture) => void
  removed: (ids: readonly string[]) => void
}

/** All pictures of this page, and their stored data. */
export class Album {
  readonly #history: History
  readonly #pictures = new Map<string, Picture>()
  readonly #files = new Map<string, Blob>()
  readonly #haveThumbnails = new Set<string>()
  readonly #listeners: AlbumEvents[] = []

  constructor(history: History) {
    this.#history = history
  }

  listen(events: AlbumEvents): void {
    this.#listeners.push(events)
  }

  get pictures(): Picture[] {
    return [...this.#pictures.values()].sort(comparePictures)
  }

  get(id: string): Picture | undefined {
    return this.#pictures.get(id)
  }

  /** Restores the previous visit. */
  async load(): Promise<Picture[]> {
    const kept = (await this.#history.load()).sort(comparePictures)
    await this.#history.remove(kept.splice(MAX_KEPT).map(({ id }) => id))
    for (const picture of kept) this.#pictures.set(picture.id, picture)
    this.#tell(({ added }) => added(kept))
    return kept
  }

  /** Every file is listed: one that is not a picture is refused here and counts as failed. */
  async add(given: readonly (File | URL)[], { model, nowMs }: { model: string; nowMs: number }): Promise<Picture[]> {
    const before = this.pictures
    const added = given.map((one, index) => {
      const picture = newPictureOf(one, { addedMs: nowMs, index, model })
      this.#pictures.set(picture.id, picture)
      if (one instanceof File) this.#files.set(picture.id, one)
      return picture
    })
    this.#tell((events) => events.added(added))
    const tooMany = before.slice(Math.max(0, MAX_KEPT - added.length)).filter(isDone)
    this.remove(tooMany.map(({ id }) => id))
    for (const picture of added) {
      this.#keep(this.#history.save(picture))
      // The only copy that survives a reload, until it is uploaded.
      const file = this.#files.get(picture.id)
      if (file !== undefined && !isDone(picture)) this.#keep(this.#history.saveBlob(picture.id, "file", file))
    }
    return added
  }

  /** The bytes of a picture: as chosen, or as kept until their upload. */
  async file(id: string): Promise<Blob | undefined> {
    return this.#files.get(id) ?? (await this.#history.readBlob(id, "file").catch(() => undefined))
  }

  /** The bytes as long as the page has them at hand. */
  fileAtHand(id: string): Blob | undefined {
    return this.#files.get(id)
  }

  progress(id: string, progress: Progress): void {
    const before = this.#pictures.get(id)
    if (before === undefined) return
    const picture = { ...before, progress }
    this.#pictures.set(id, picture)
    // "Uploading" is not stored: after a reload the upload starts again.
    if (progress.phase !== "uploading") this.#keep(this.#history.save(picture))
    if (isUploaded(picture) && !isUploaded(before)) this.#dropFile(id)
    this.#tell(({ changed }) => changed(picture))
  }

  /** A smaller copy of it was sent. */
  shrunk(id: string, shrunk: Shrunk): void {
    const picture = this.#pictures.get(id)
    if (picture !== undefined) this.#pictures.set(id, { ...picture, shrunk })
  }

  /** Not kept: a later visit has a key, or asks for one. */
  keyWait(id: string, needsKey: boolean): void {
    const before = this.#pictures.get(id)
    if (before === undefined) return
    const picture = { ...before, needsKey }
    this.#pictures.set(id, picture)
    this.#tell(({ changed }) => changed(picture))
  }

  /** Whether classifiers serve the waiting tickets. Asked every few seconds, but not for tickets that are due within half a minute. */
  queueSeen({ paused, models, others }: QueueStats): void {
    for (const { id, progress } of this.#pictures.values()) {
      if (progress.phase !== "ticket" || progress.ticket.done || progress.ticket.queue === undefined) continue
      const { status, model, image_url, queue } = progress.ticket
      const name = `${model?.id}${image_url === undefined ? "" : "@url"}`
      const line = [...models, ...others].find((one) => one.id === name)
      const classifiers = line?.classifiers ?? queue.classifiers
      const { notice: _old, ...rest } = queue
      const now = {
        ...rest,
        classifiers,
        ...((paused || line?.paused) && status === "queued" && { notice: "The queue is paused" }),
      }
      const ticket = { ...progress.ticket, queue: now }
      if (haltOf(ticket) !== haltOf(progress.ticket)) this.progress(id, { phase: "ticket", ticket })
    }
  }

  /** From the start: a new upload that is answered by a new ticket. */
  renew(id: string): Picture | undefined {
    const before = this.#pictures.get(id)
    if (before === undefined) return undefined
    const { name, addedMs, index, model, url } = before
    const renewed = { ...newPicture({ name, addedMs, index, model, ...(url !== undefined && { url }) }), id }
    this.#pictures.set(id, renewed)
    this.progress(id, { phase: "waiting" })
    return renewed
  }

  /** Null where there can be none. */
  saveThumbnail(id: string, thumbnail: Blob | null): void {
    if (!this.#pictures.has(id)) return
    if (thumbnail !== null) this.#keep(this.#history.saveBlob(id, "thumbnail", thumbnail))
    this.#haveThumbnails.add(id)
    this.#dropFile(id)
  }

  readThumbnail(id: string): Promise<Blob | undefined> {
    return this.#history.readBlob(id, "thumbnail").catch(() => undefined)
  }

  remove(ids: readonly string[]): void {
    if (ids.length === 0) return
    for (const id of ids) {
      this.#pictures.delete(id)
      this.#files.delete(id)
      this.#haveThumbnails.delete(id)
    }
    this.#keep(this.#history.remove(ids))
    this.#tell(({ removed }) => removed(ids))
  }

  /** The bytes are kept until they are uploaded and there is a small picture of them. */
  #dropFile(id: string): void {
    const picture = this.#pictures.get(id)
    if (picture === undefined || !isUploaded(picture) || !this.#haveThumbnails.has(id)) return
    this.#keep(this.#history.removeBlob(id, "file"))
  }

  #tell(how: (events: AlbumEvents) => void): void {
    for (const events of this.#listeners) how(events)
  }

  /** Storage is optional: a full disk must not stop the pictures. */
  #keep(saving: Promise<unknown>): void {
    saving.catch(() => undefined)
  }
}

type Place = { addedMs: number; index: number; model: string }

function newPictureOf(one: File | URL, place: Place): Picture {
  if (one instanceof URL) {
    const name = one.pathname.split("/").findLast((part) => part !== "") ?? one.host
    return newPicture({ name, url: one.href, ...place })
  }
  const picture = newPicture({ name: one.name, ...place })
  if (looksLikePicture(one)) return picture
  const error = { code: "not_a_picture", message: `${one.name} is neither a picture nor a list of pictures` }
  return { ...picture, progress: { phase: "refused", error } }
}

/** No later visit will need its bytes. */
function isUploaded({ progress }: Picture): boolean {
  return progress.phase === "ticket" || progress.phase === "refused"
}

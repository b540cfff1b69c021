import {
  type Claimcheck,
  ClaimcheckError,
  type Image,
  type SubmitOptions,
  type Ticket,
} from "../../lib/client/claimcheck.ts"
import { assertReadable } from "../api/assert-readable.ts"
import type { Edge } from "../api/edge.ts"
import type { Album } from "./album.ts"
import { createLimiter } from "./limiter.ts"
import { isDone, type Picture } from "./picture.ts"

/** Browsers open six connections per server; polling needs some of them. */
const MAX_UPLOADS = 3
const GRACE_MS = 10_000

/** Uploads pictures and follows their tickets; updates the album. */
export class Follower {
  readonly #album: Album
  readonly #edge: Edge
  readonly #uploads = createLimiter(MAX_UPLOADS)
  readonly #aborts = new Map<string, AbortController>()

  constructor(album: Album, edge: Edge) {
    this.#album = album
    this.#edge = edge
  }

  async follow(picture: Picture): Promise<void> {
    const { id } = picture
    const abort = new AbortController()
    this.#aborts.set(id, abort)
    try {
      const ticket = await this.#upload(picture, abort.signal)
      if (ticket !== null) await this.#collect(id, ticket, abort.signal)
    } catch (error) {
      if (!abort.signal.aborted) this.#refuse(id, error)
    } finally {
      if (this.#aborts.get(id) === abort) this.#aborts.delete(id)
    }
  }

  /** Cancels the picture and its ticket. */
  async cancel({ id }: Picture): Promise<void> {
    const picture = this.#album.get(id)
    if (picture === undefined || isDone(picture)) return
    this.#abort(picture)
    const { progress } = picture
    if (progress.phase !== "ticket") {
      this.#album.progress(id, { phase: "refused", error: { code: "canceled", message: "Canceled" } })
      return
    }
    try {
      const ticket = await this.#edge.use((client) => client.ticket(progress.ticket.id).cancel())
      this.#album.progress(id, { phase: "ticket", ticket })
    } catch (error) {
      // It finished before the cancel arrived: show the result.
      if (error instanceof ClaimcheckError && error.code === "already_finished") await this.follow(picture)
      else this.#refuse(id, error)
    }
  }

  /** Retries: polls again if polling failed, otherwise uploads again. */
  async retry({ id, progress }: Picture): Promise<void> {
    const isLost = progress.phase === "refused" && progress.ticket !== undefined && progress.error.code !== "not_found"
    if (isLost && progress.ticket !== undefined) this.#album.progress(id, { phase: "ticket", ticket: progress.ticket })
    const picture = isLost ? this.#album.get(id) : this.#album.renew(id)
    if (picture !== undefined) await this.follow(picture)
  }

  /** @returns a ticket to be collected, or its id where it is of an earlier visit; null when there is nothing to collect */
  #upload(picture: Picture, signal: AbortSignal): Promise<Ticket | string | null> {
    const { id, progress, model, idempotencyKey } = picture
    if (progress.phase === "refused") return Promise.resolve(null)
    if (progress.phase === "ticket") return Promise.resolve(progress.ticket.done ? null : progress.ticket.id)
    return this.#uploads(async () => {
      signal.throwIfAborted()
      const image = await this.#imageOf(picture)
      signal.throwIfAborted()
      this.#album.progress(id, { phase: "uploading" })
      const options: SubmitOptions = {
        model: model === "" ? undefined : model,
        idempotencyKey,
        signal,
        shrink: true,
        onShrink: (copy) => this.#album.shrunk(id, copy),
      }
      const ticket = await this.#edge.use((client) => client.submit(image, options), {
        onKeyWait: (waits) => this.#album.keyWait(id, waits),
      })
      if (ticket.latest === undefined) throw new ClaimcheckError("bad_response", "The response is not a ticket")
      const isWanted = this.#album.get(id)?.progress.phase === "uploading"
      if (isWanted) this.#album.progress(id, { phase: "ticket", ticket: ticket.latest })
      else if (!ticket.latest.done) await ticket.cancel()
      return isWanted && !ticket.latest.done ? ticket : null
    })
  }

  async #imageOf({ id, url }: Picture): Promise<Image> {
    if (url !== undefined) return { imageUrl: url }
    const file = await this.#album.file(id)
    if (file === undefined) throw new ClaimcheckError("not_uploaded", "The file is no longer available")
    await assertReadable(file)
    return file
  }

  async #collect(id: string, first: Ticket | string, signal: AbortSignal): Promise<void> {
    let known: Ticket | null = typeof first === "string" ? null : first
    const onKeyWait = (waits: boolean) => this.#album.keyWait(id, waits)
    const follow = (client: Claimcheck) => {
      // Another API key needs another client.
      const ticket = known ?? client.ticket(typeof first === "string" ? first : first.id)
      known = null
      return ticket.result({
        signal,
        onUpdate: (latest) => this.#album.progress(id, { phase: "ticket", ticket: latest }),
      })
    }
    await this.#edge.use(follow, { onKeyWait })
  }

  /** An upload in progress may already have a ticket; wait briefly, so that it can be canceled. */
  #abort({ id, progress }: Picture): void {
    const abort = this.#aborts.get(id)
    if (progress.phase === "uploading") setTimeout(() => abort?.abort(), GRACE_MS)
    else abort?.abort()
  }

  #refuse(id: string, error: unknown): void {
    const picture = this.#album.get(id)
    // A ticket that failed says so itself.
    if (picture === undefined || isDone(picture)) return
    const refusal =
      error instanceof ClaimcheckError
        ? { code: error.code, message: error.message }
        : { code: "internal", message: "An error occurred in this page" }
    const { progress } = picture
    const ticket = progress.phase === "ticket" ? progress.ticket : undefined
    this.#album.progress(id, { phase: "refused", error: refusal, ...(ticket !== undefined && { ticket }) })
  }
}

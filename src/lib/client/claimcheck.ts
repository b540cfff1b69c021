import type { BatchTicket } from "../batches/batch-ticket.ts"
import { DEFAULT_MAX_IMAGE_BYTES } from "../images/too-large.ts"
import type { ModelList } from "../queue/model-list.ts"
import type { QueueStats } from "../queue/queue-stats.ts"
import type { Ticket as TicketData } from "../tickets/ticket.ts"
import { assertOptions } from "./assert-options.ts"
import { Batch, type BatchRow, type ResultPage, type ResultsOptions } from "./batch.ts"
import { ClaimcheckError, type InvalidRow, type Problem } from "./claimcheck-error.ts"
import { type Connection, type ConnectionOptions, createConnection, LIST_TRY_TIMEOUT_MS } from "./connection.ts"
import { type Image, type ImageBody, smallerCopy, toImageBody } from "./image.ts"
import { type List, toListBody } from "./list.ts"
import { type OperationOptions, type OperationWork, toSubmitOptions } from "./operation-options.ts"
import { readFile, readObject } from "./read-response.ts"
import {
  BATCH_OPTIONS,
  type BatchOptions,
  newIdempotencyKey,
  type Shrunk,
  SUBMIT_OPTIONS,
  type SubmitOptions,
  toQuery,
} from "./submit-options.ts"
import { type ResultOptions, Ticket } from "./ticket.ts"
import { readTicket, readTimeoutMs, SHORT_WAIT, SHORT_WAIT_MS, WAIT_OPTIONS, type WaitOptions } from "./ticket-poll.ts"

export type {
  BatchOptions,
  BatchRow,
  BatchTicket,
  ConnectionOptions,
  Image,
  InvalidRow,
  List,
  ModelList,
  OperationOptions,
  Problem,
  QueueStats,
  ResultOptions,
  ResultPage,
  ResultsOptions,
  Shrunk,
  SubmitOptions,
  TicketData,
  WaitOptions,
}
// The names that `claimcheck/client` gives to the world.
export { Batch, ClaimcheckError, Ticket }

type Signal = { signal?: AbortSignal | undefined }
/** Refusals that a smaller copy may not meet. */
const TOO_LARGE: ReadonlySet<string> = new Set(["image_too_large", "too_many_pixels"])

/**
 * A client of the claimcheck edge for browsers, Workers, Deno, Node and Bun.
 *
 *     const claimcheck = new Claimcheck({ url: "http://localhost:8787" })
 *     const { predictions } = await claimcheck.classify(file)
 */
export class Claimcheck {
  readonly #connection: Connection

  /** @throws TypeError for an address or a key that cannot be used */
  constructor(options: ConnectionOptions) {
    this.#connection = createConnection(options)
  }

  /**
   * Uploads an image, or names its URL. A reply that is lost is asked for again, and finds the same ticket.
   * @throws ClaimcheckError; TypeError for what is no picture, and for an option that there is not
   */
  async submit(image: Image, options: SubmitOptions = {}): Promise<Ticket> {
    assertOptions(options, SUBMIT_OPTIONS)
    return this.#submit(image, options)
  }

  /**
   * Submits an image and waits for its answer. `timeoutMs` counts from now, upload included.
   * @throws ClaimcheckError; TypeError for what is no picture, and for an option that there is not
   */
  async classify(image: Image, options: SubmitOptions & ResultOptions = {}): Promise<TicketData> {
    assertOptions(options, { ...SUBMIT_OPTIONS, ...WAIT_OPTIONS })
    const { signal, onUpdate } = options
    const timeoutMs = readTimeoutMs(options)
    const { now } = this.#connection
    const untilMs = now() + timeoutMs
    const ticket = await this.#submit(image, options, untilMs)
    return ticket.result({ signal, timeoutMs: Math.max(0, untilMs - now()), onUpdate })
  }

  /** Format, size, frames and orientation of an image: `image` of the ticket that it resolves to. @throws as classify() */
  async inspect(image: Image, options: OperationOptions["inspect"] & OperationWork = {}): Promise<TicketData> {
    return this.classify(image, toSubmitOptions("inspect", options))
  }

  /** A smaller file of an image: `output()` fetches it by the ticket that this resolves to. @throws as classify() */
  async compress(image: Image, options: OperationOptions["compress"] & OperationWork = {}): Promise<TicketData> {
    return this.classify(image, toSubmitOptions("compress", options))
  }

  /** An image of another size, in pixels, or the array of its pixels: `output()` fetches it by the ticket. @throws as classify() */
  async resize(image: Image, options: OperationOptions["resize"] & OperationWork): Promise<TicketData> {
    return this.classify(image, toSubmitOptions("resize", options))
  }

  /** The ticket of an earlier submit. Nothing is asked yet. */
  ticket(id: string): Ticket {
    return new Ticket(this.#connection, id)
  }

  /**
   * Fetches what an operation has made, by its ticket or a picture in a batch's row, with the key where the edge keeps it. A file that
   * comes shorter than it is, is fetched again.
   * @throws ClaimcheckError `not_found` when it has expired; TypeError for a ticket without an output
   */
  async output(
    { output }: { output?: { url: string; bytes?: number } | undefined },
    { signal }: Signal = {},
  ): Promise<Blob> {
    if (output === undefined) throw new TypeError("Cannot fetch the output: the ticket has none")
    // Where PUBLIC_URL is not the address of this client, it is the same edge all the same.
    const path = /\/v1\/outputs\/[\w.-]+$/.exec(output.url)?.[0] ?? output.url
    return this.#connection.request(path, {
      headers: { accept: "*/*" },
      signal,
      read: readFile(output.bytes),
      tryTimeoutMs: LIST_TRY_TIMEOUT_MS,
    })
  }

  /**
   * Sends a list of pictures' URLs, for work in the background. A reply that is lost is asked for again, and finds the same batch.
   * @throws ClaimcheckError, with `problem.rows` where rows cannot be taken; TypeError for what is no list, and for an option that
   *         there is not
   */
  async submitBatch(list: List, options: BatchOptions = {}): Promise<Batch> {
    assertOptions(options, BATCH_OPTIONS)
    const { idempotencyKey = newIdempotencyKey(), signal } = options
    const { contentType, body } = await toListBody(list)
    const reply = await this.#connection.request(`/v1/batches${toQuery(options)}`, {
      method: "POST",
      headers: { "content-type": contentType, "idempotency-key": idempotencyKey },
      body,
      signal,
      read: readTicket,
      tryTimeoutMs: LIST_TRY_TIMEOUT_MS,
    })
    return new Batch(this.#connection, String(reply.body?.id), reply)
  }

  /** The batch of an earlier submit. Nothing is asked yet. */
  batch(id: string): Batch {
    return new Batch(this.#connection, id)
  }

  /** How full the queue is, and how fast it empties. @throws ClaimcheckError */
  queue(options: Signal = {}): Promise<QueueStats> {
    return this.#get("/v1/queue", options, ({ depth }) => typeof depth === "number")
  }

  /** The models that are served. @throws ClaimcheckError */
  models(options: Signal = {}): Promise<ModelList> {
    return this.#get("/v1/models", options, ({ models }) => Array.isArray(models))
  }

  /** Any JSON object of the API that has no method here, by its path from `/`, as the server sends it. @throws ClaimcheckError */
  get(path: string, options: Signal = {}): Promise<Record<string, unknown>> {
    return this.#get(path, options)
  }

  async #get<T>(path: string, { signal }: Signal, isExpected?: (body: Record<string, unknown>) => boolean): Promise<T> {
    return (await this.#connection.request(path, { signal, read: readObject(isExpected) })).body as T
  }

  async #submit(image: Image, options: SubmitOptions, untilMs?: number): Promise<Ticket> {
    const { shrink = false, operation = "classify", idempotencyKey = newIdempotencyKey() } = options
    if (shrink !== false && operation !== "classify") {
      throw new TypeError(`shrink goes with classify alone: ${operation} is asked for the picture as it is`)
    }
    const given = toImageBody(image)
    const send = (body: ImageBody) => this.#send(body, { ...options, idempotencyKey }, untilMs)
    if (shrink === false || typeof given.body === "string") return send(given)
    const picture = given.body instanceof Blob ? given.body : new Blob([given.body as ArrayBuffer])
    const isLarge = picture.size > DEFAULT_MAX_IMAGE_BYTES
    const early = isLarge ? await copyOf(picture, shrink) : null
    if (early !== null) options.onShrink?.({ bytes: picture.size, sentBytes: early.size })
    try {
      return await send(early === null ? given : { contentType: early.type, body: early })
    } catch (error) {
      if (isLarge || !(error instanceof ClaimcheckError) || !TOO_LARGE.has(error.code)) throw error
      const copy = await copyOf(picture, shrink)
      if (copy === null) throw error
      options.onShrink?.({ bytes: picture.size, sentBytes: copy.size })
      return send({ contentType: copy.type, body: copy })
    }
  }

  async #send({ contentType, body }: ImageBody, options: SubmitOptions, untilMs?: number): Promise<Ticket> {
    const { signal, noCache, idempotencyKey = "" } = options
    const reply = await this.#connection.request(`/v1/classifications${toQuery(options)}`, {
      method: "POST",
      headers: {
        "content-type": contentType,
        "idempotency-key": idempotencyKey,
        ...(noCache === true && { "cache-control": "no-cache" }),
        ...(untilMs !== undefined && untilMs - this.#connection.now() >= SHORT_WAIT_MS && SHORT_WAIT),
      },
      body,
      signal,
      read: readTicket,
      ...(untilMs !== undefined && { untilMs }),
    })
    return new Ticket(this.#connection, String(reply.body?.id), reply)
  }
}

/** Null for what cannot be decoded here: the server judges it, or has. @throws ClaimcheckError cannot_shrink */
async function copyOf(picture: Blob, shrink: true | ((picture: Blob) => Promise<Blob>)): Promise<Blob | null> {
  try {
    return await (shrink === true ? smallerCopy : shrink)(picture)
  } catch (error) {
    if (error instanceof ClaimcheckError) throw error
    return null
  }
}

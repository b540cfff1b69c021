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
import { type CancelJobsOptions, type JobsOptions, jobPages } from "./jobs.ts"
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
  CancelJobsOptions,
  ConnectionOptions,
  Image,
  InvalidRow,
  JobsOptions,
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
// The public exports of `claimcheck/client`.
export { Batch, ClaimcheckError, Ticket }

type Signal = { signal?: AbortSignal | undefined }
/** Error codes that a smaller copy may avoid. */
const TOO_LARGE: ReadonlySet<string> = new Set(["image_too_large", "too_many_pixels"])

/**
 * A client of the claimcheck edge for browsers, Workers, Deno, Node and Bun.
 *
 *     const claimcheck = new Claimcheck({ url: "http://localhost:8787" })
 *     const { predictions } = await claimcheck.classify(file)
 */
export class Claimcheck {
  readonly #connection: Connection

  /** @throws TypeError for an invalid URL, key or option */
  constructor(options: ConnectionOptions) {
    this.#connection = createConnection(options)
  }

  /**
   * Uploads an image or sends its URL. A retry after a lost response returns the same ticket.
   * @throws ClaimcheckError; TypeError for an unsupported image type and an unknown option
   */
  async submit(image: Image, options: SubmitOptions = {}): Promise<Ticket> {
    assertOptions(options, SUBMIT_OPTIONS)
    return this.#submit(image, options)
  }

  /**
   * Submits an image and waits until the ticket is done. `timeoutMs` includes the upload.
   * @throws ClaimcheckError; TypeError for an unsupported image type and an unknown option
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

  /** Reads format, size, frames and orientation of an image: `image` of the finished ticket. @throws as classify() */
  async inspect(image: Image, options: OperationOptions["inspect"] & OperationWork = {}): Promise<TicketData> {
    return this.classify(image, toSubmitOptions("inspect", options))
  }

  /** Makes a smaller file of an image; pass the finished ticket to `output()`. @throws as classify() */
  async compress(image: Image, options: OperationOptions["compress"] & OperationWork = {}): Promise<TicketData> {
    return this.classify(image, toSubmitOptions("compress", options))
  }

  /** What a model sees on an image, as numbers: `features` of the finished ticket. @throws as classify(), `no_features` */
  async embed(image: Image, options: OperationOptions["embed"] & OperationWork = {}): Promise<TicketData> {
    return this.classify(image, toSubmitOptions("embed", options))
  }

  /** Resizes an image, to a file or an array of pixels; pass the finished ticket to `output()`. @throws as classify() */
  async resize(image: Image, options: OperationOptions["resize"] & OperationWork): Promise<TicketData> {
    return this.classify(image, toSubmitOptions("resize", options))
  }

  /** The ticket of an earlier submit. Sends no request. */
  ticket(id: string): Ticket {
    return new Ticket(this.#connection, id)
  }

  /**
   * Downloads the output of a ticket, or of an image in a row of a batch. A download that is shorter than `output.bytes` is retried.
   * @throws ClaimcheckError `not_found` when it has expired; TypeError for a ticket without an output
   */
  async output(
    { output }: { output?: { url: string; bytes?: number } | undefined },
    { signal }: Signal = {},
  ): Promise<Blob> {
    if (output === undefined) throw new TypeError("Cannot fetch the output: the ticket has none")
    // PUBLIC_URL may differ from this client's URL: it is the same edge.
    const path = /\/v1\/outputs\/[\w.-]+$/.exec(output.url)?.[0] ?? output.url
    return this.#connection.request(path, {
      headers: { accept: "*/*" },
      signal,
      read: readFile(output.bytes),
      tryTimeoutMs: LIST_TRY_TIMEOUT_MS,
    })
  }

  /**
   * Sends a list of image URLs. A retry after a lost response returns the same batch.
   * @throws ClaimcheckError, with `problem.rows` if rows are invalid; TypeError for an unsupported list type and an unknown option
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

  /** The batch of an earlier submit. Sends no request. */
  batch(id: string): Batch {
    return new Batch(this.#connection, id)
  }

  /**
   * Yields the tickets of this API key that wait, are worked on, or used up their attempts, without their place in the queue.
   * @throws ClaimcheckError `unauthorized` without a key, and others; TypeError for an unknown option
   */
  async *jobs(options: JobsOptions = {}): AsyncGenerator<TicketData, void> {
    for await (const { tickets = [] } of jobPages(this.#connection, { path: "/v1/jobs", method: "GET" }, options))
      yield* tickets
  }

  /**
   * Cancels the jobs of this API key that wait, or those that are worked on, and resolves to their number. After a lost response it is
   * too low.
   * @throws as jobs()
   */
  async cancelJobs(options: CancelJobsOptions): Promise<number> {
    let count = 0
    const pages = jobPages(this.#connection, { path: "/v1/jobs/cancel", method: "POST" }, options)
    for await (const { canceled = 0 } of pages) count += canceled
    return count
  }

  /** Reads the depth of the queue and its throughput. @throws ClaimcheckError */
  queue(options: Signal = {}): Promise<QueueStats> {
    return this.#get("/v1/queue", options, ({ depth }) => typeof depth === "number")
  }

  /** Lists the models that classifiers serve. @throws ClaimcheckError */
  models(options: Signal = {}): Promise<ModelList> {
    return this.#get("/v1/models", options, ({ models }) => Array.isArray(models))
  }

  /** Reads any other JSON object of the API, unvalidated, by its path: `/v1/samples`. @throws ClaimcheckError */
  get(path: string, options: Signal = {}): Promise<Record<string, unknown>> {
    return this.#get(path, options)
  }

  async #get<T>(path: string, { signal }: Signal, isExpected?: (body: Record<string, unknown>) => boolean): Promise<T> {
    return (await this.#connection.request(path, { signal, read: readObject(isExpected) })).body as T
  }

  async #submit(image: Image, options: SubmitOptions, untilMs?: number): Promise<Ticket> {
    const { shrink = false, operation = "classify", idempotencyKey = newIdempotencyKey() } = options
    if (shrink !== false && operation !== "classify") {
      throw new TypeError(`Cannot use shrink with ${operation}: it goes with classify alone`)
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

/** Null for an image that this platform cannot decode: the server decides. @throws ClaimcheckError cannot_shrink */
async function copyOf(picture: Blob, shrink: true | ((picture: Blob) => Promise<Blob>)): Promise<Blob | null> {
  try {
    return await (shrink === true ? smallerCopy : shrink)(picture)
  } catch (error) {
    if (error instanceof ClaimcheckError) throw error
    return null
  }
}

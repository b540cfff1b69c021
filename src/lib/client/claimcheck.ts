import { DEFAULT_MAX_IMAGE_BYTES } from "../images/too-large.ts"
import type { Ticket as TicketData } from "../tickets/ticket.ts"
import { assertOptions } from "./assert-options.ts"
import { ClaimcheckError } from "./claimcheck-error.ts"
import { type Connection, type ConnectionOptions, createConnection } from "./connection.ts"
import { type Image, type ImageBody, smallerCopy, toImageBody } from "./image.ts"
import {
  isTicket,
  RESULT_OPTIONS,
  type ResultOptions,
  readTimeoutMs,
  SHORT_WAIT,
  SHORT_WAIT_MS,
  Ticket,
} from "./ticket.ts"

// The names that `claimcheck/client` gives to the world.
export { ClaimcheckError, type ConnectionOptions, type Image, type ResultOptions, Ticket, type TicketData }

export type SubmitOptions = {
  /** What is to be done with the image: `classify` unless said. */
  operation?: string | undefined
  /** Options of that operation, as the API names them: `{ quality: 50 }`. */
  options?: Readonly<Record<string, string | number>> | undefined
  /** Which model; the server has a default. */
  model?: string | undefined
  /** How many predictions; 5 unless said. */
  topK?: number | undefined
  /** Leave out what is less probable than this: 0 to 1. */
  threshold?: number | undefined
  /** `scores` adds the probability of every class, by class index. */
  output?: "predictions" | "scores" | undefined
  /** Language of the labels, where the model brings it: `de`. */
  lang?: string | undefined
  /** Not started by then means failed, in milliseconds from now. */
  deadlineMs?: number | undefined
  /** Where the answer is sent as a signed webhook; "" for nowhere, though the API key has a default. */
  webhookUrl?: string | undefined
  /** Infer again, even if the answer to these bytes is known. */
  noCache?: boolean | undefined
  /** Submits with the same key are one ticket. One is made for each call unless given. */
  idempotencyKey?: string | undefined
  /**
   * Send a smaller copy (a JPEG of 1,024 pixels at most) of a picture that is too large for the server, for `classify` alone: of
   * more than 8 MB, or refused as `image_too_large` or `too_many_pixels`. `true` needs OffscreenCanvas, as browsers have it;
   * elsewhere a function makes the copy.
   */
  shrink?: boolean | ((picture: Blob) => Promise<Blob>) | undefined
  /** Called when a smaller copy is sent. */
  onShrink?: ((copy: Shrunk) => void) | undefined
  signal?: AbortSignal | undefined
}
/** How many bytes the picture has, and how many are sent. */
export type Shrunk = { bytes: number; sentBytes: number }

const SUBMIT_OPTIONS: Record<keyof SubmitOptions, true> = {
  operation: true,
  options: true,
  model: true,
  topK: true,
  threshold: true,
  output: true,
  lang: true,
  deadlineMs: true,
  webhookUrl: true,
  noCache: true,
  idempotencyKey: true,
  shrink: true,
  onShrink: true,
  signal: true,
}
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
    assertOptions(options, { ...SUBMIT_OPTIONS, ...RESULT_OPTIONS })
    const { signal, onUpdate } = options
    const timeoutMs = readTimeoutMs(options)
    const { now } = this.#connection
    const untilMs = now() + timeoutMs
    const ticket = await this.#submit(image, options, untilMs)
    return ticket.result({ signal, timeoutMs: Math.max(0, untilMs - now()), onUpdate })
  }

  /** The ticket of an earlier submit. Nothing is asked yet. */
  ticket(id: string): Ticket {
    return new Ticket(this.#connection, id)
  }

  /**
   * Fetches what an operation has made, with the key where the edge keeps it.
   * @throws ClaimcheckError `not_found` when it has expired; TypeError for a ticket without an output
   */
  async output({ output }: TicketData, { signal }: { signal?: AbortSignal | undefined } = {}): Promise<Blob> {
    if (output === undefined) throw new TypeError("Cannot fetch the output: the ticket has none")
    // Where PUBLIC_URL is not the address of this client, it is the same edge all the same.
    const path = /\/v1\/outputs\/[\w.-]+$/.exec(output.url)?.[0] ?? output.url
    const { blob } = await this.#connection.request(path, { signal, isFile: true })
    return blob as Blob
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
      isExpected: isTicket,
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

/** 128 random bits. `crypto.randomUUID` is missing from pages that came by plain http. */
function newIdempotencyKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}

function toQuery({ operation, options = {}, model, topK, threshold, output, lang, ...rest }: SubmitOptions): string {
  const query = new URLSearchParams(Object.entries(options).map(([name, value]) => [name, String(value)]))
  const named = { operation, model, top_k: topK, threshold, output, lang, deadline_ms: rest.deadlineMs }
  for (const [name, value] of Object.entries({ ...named, webhook_url: rest.webhookUrl })) {
    if (value !== undefined) query.set(name, String(value))
  }
  return query.size === 0 ? "" : `?${query}`
}

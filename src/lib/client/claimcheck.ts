import type { Ticket as TicketData } from "../ticket.ts"
import { ClaimcheckError } from "./claimcheck-error.ts"
import { type Connection, type ConnectionOptions, createConnection } from "./connection.ts"
import { isTicket, type ResultOptions, SHORT_WAIT, Ticket } from "./ticket.ts"

// The names that `claimcheck/client` gives to the world.
export { ClaimcheckError, type ConnectionOptions, type ResultOptions, Ticket, type TicketData }

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
  signal?: AbortSignal | undefined
}

/** A picture's bytes; or where it is, for the server to fetch. */
export type Image = Blob | ArrayBuffer | Uint8Array | { url: string | URL }

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

  /** Uploads an image, or names its URL. A reply that is lost is asked for again, and finds the same ticket. @throws ClaimcheckError */
  submit(image: Image, options: SubmitOptions = {}): Promise<Ticket> {
    return this.#submit(image, options)
  }

  /**
   * Submits an image and waits for its answer. `timeoutMs` counts from now, upload included.
   * @throws ClaimcheckError
   */
  async classify(image: Image, options: SubmitOptions & ResultOptions = {}): Promise<TicketData> {
    const { signal, timeoutMs = Number.POSITIVE_INFINITY, onUpdate } = options
    const { now } = this.#connection
    const untilMs = now() + timeoutMs
    const ticket = await this.#submit(image, options, untilMs)
    return ticket.result({ signal, timeoutMs: Math.max(0, untilMs - now()), onUpdate })
  }

  /** The ticket of an earlier submit. Nothing is asked yet. */
  ticket(id: string): Ticket {
    return new Ticket(this.#connection, id)
  }

  async #submit(image: Image, options: SubmitOptions, untilMs?: number): Promise<Ticket> {
    const { signal, noCache, idempotencyKey = newIdempotencyKey() } = options
    const reply = await this.#connection.request(`/v1/classifications${toQuery(options)}`, {
      method: "POST",
      headers: {
        "content-type": contentTypeOf(image),
        "idempotency-key": idempotencyKey,
        ...(noCache === true && { "cache-control": "no-cache" }),
        ...(untilMs !== undefined && SHORT_WAIT),
      },
      body: isElsewhere(image) ? JSON.stringify({ image_url: String(image.url) }) : (image as BodyInit),
      signal,
      isExpected: isTicket,
      ...(untilMs !== undefined && { untilMs }),
    })
    return new Ticket(this.#connection, String(reply.body?.id), reply)
  }
}

const isElsewhere = (image: Image): image is Extract<Image, { url: unknown }> => "url" in image

function contentTypeOf(image: Image): string {
  if (isElsewhere(image)) return "application/json"
  return image instanceof Blob && image.type !== "" ? image.type : "application/octet-stream"
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

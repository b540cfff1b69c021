import type { Ticket as TicketData } from "../ticket.ts"
import { ClaimcheckError } from "./claimcheck-error.ts"
import { type Connection, type ConnectionOptions, createConnection } from "./connection.ts"
import { type ResultOptions, Ticket } from "./ticket.ts"

// The names that `claimcheck/client` gives to the world.
export { ClaimcheckError, type ConnectionOptions, type ResultOptions, Ticket, type TicketData }

export type SubmitOptions = {
  /** Which model; the server has a default. */
  model?: string
  /** How many predictions; 5 unless said. */
  topK?: number
  /** Not started by then means failed, in milliseconds from now. */
  deadlineMs?: number
  /** Infer again, even if the answer to these bytes is known. */
  noCache?: boolean
  /** Submits with the same key are one ticket. One is made for each call unless given. */
  idempotencyKey?: string
  signal?: AbortSignal
}

/**
 * A client of the claimcheck edge for browsers, Workers, Deno, Node and Bun.
 *
 *     const claimcheck = new Claimcheck({ url: "http://localhost:8787" })
 *     const { predictions } = await claimcheck.classify(file)
 */
export class Claimcheck {
  readonly #connection: Connection

  constructor(options: ConnectionOptions) {
    this.#connection = createConnection(options)
  }

  /** Uploads an image, JPEG or PNG. A reply that is lost is asked for again, and finds the same ticket. @throws ClaimcheckError */
  async submit(image: Blob | ArrayBuffer | Uint8Array, options: SubmitOptions = {}): Promise<Ticket> {
    const { signal, noCache, idempotencyKey = crypto.randomUUID() } = options
    const reply = await this.#connection.request(`/v1/classifications${toQuery(options)}`, {
      method: "POST",
      headers: {
        "content-type": image instanceof Blob && image.type !== "" ? image.type : "application/octet-stream",
        "idempotency-key": idempotencyKey,
        ...(noCache === true && { "cache-control": "no-cache" }),
      },
      body: image as BodyInit,
      ...(signal && { signal }),
    })
    const { id } = reply.body as Partial<TicketData>
    if (typeof id !== "string") throw new ClaimcheckError("bad_response", "The answer is not a ticket")
    return new Ticket(this.#connection, id, reply)
  }

  /** Uploads an image and waits for its answer. @throws ClaimcheckError */
  async classify(
    image: Blob | ArrayBuffer | Uint8Array,
    { timeoutMs, onUpdate, ...options }: SubmitOptions & ResultOptions = {},
  ): Promise<TicketData> {
    const ticket = await this.submit(image, options)
    return ticket.result({
      ...(options.signal && { signal: options.signal }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(onUpdate && { onUpdate }),
    })
  }
}

function toQuery({ model, topK, deadlineMs }: SubmitOptions): string {
  const query = new URLSearchParams()
  if (model !== undefined) query.set("model", model)
  if (topK !== undefined) query.set("top_k", String(topK))
  if (deadlineMs !== undefined) query.set("deadline_ms", String(deadlineMs))
  return query.size === 0 ? "" : `?${query}`
}

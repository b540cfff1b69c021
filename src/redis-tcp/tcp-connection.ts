import { createClient, ErrorReply, RESP_TYPES } from "@redis/client"

const AS_BYTES = { [RESP_TYPES.BLOB_STRING]: Buffer }
/** Longer than a command may take: its own deadline is what ends it. */
const CONNECT_TIMEOUT_MS = 15_000
/** Said by a Redis that is no longer the primary. Its name may lead to another by now, which only a new connection finds. */
const IS_DEMOTED = /^(READONLY|MASTERDOWN)\b/

export type SendOptions = {
  /** From the call to the reply, connecting included. */
  timeoutMs: number
  /** Replies with bytes instead of text. */
  asBytes?: boolean
}

/** `replies`: how many have come. */
type Link = { client: Client; ready: Promise<unknown>; replies: number }
type Client = ReturnType<typeof openClient>

/**
 * A connection that opens with the first command that needs it. When it breaks, or says nothing for as long as a command may take, it is
 * given up with all that it has under way, and the next command opens another: no command is kept or sent again in here.
 */
export class TcpConnection {
  readonly #url: string
  #link: Link | undefined
  #isClosed = false

  constructor(url: string) {
    this.#url = url
  }

  /** @throws ErrorReply, TimeoutError, and what ended the connection */
  send(args: (string | Buffer)[], { timeoutMs, asBytes }: SendOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const link = this.#open()
      const { replies } = link
      let isOver = false
      const late = () => {
        if (isOver) return
        reject(new DOMException(`No reply within ${timeoutMs} ms`, "TimeoutError"))
        // Where others were answered meanwhile, the connection lives and has much to do: it has as long again.
        if (link.replies === replies) this.#drop(link)
        else timer = setTimeout(() => this.#drop(link), timeoutMs)
      }
      // A process that was held up may have the reply in its socket: that is read first.
      let timer = setTimeout(() => setImmediate(late), timeoutMs)
      const settle = () => {
        isOver = true
        link.replies++
        clearTimeout(timer)
      }
      sendOn(link, args, asBytes).then(
        (reply) => {
          settle()
          resolve(reply)
        },
        (error: unknown) => {
          settle()
          if (error instanceof ErrorReply && IS_DEMOTED.test(error.message)) this.#drop(link)
          reject(error)
        },
      )
    })
  }

  /** Commands that are under way fail. */
  close(): void {
    this.#isClosed = true
    if (this.#link) this.#drop(this.#link)
  }

  #open(): Link {
    if (this.#isClosed) throw new Error("The connection was closed")
    if (this.#link) return this.#link
    const client = openClient(this.#url)
    const ready = client.connect().then(
      // It may have been given up meanwhile, which does not end what is still connecting.
      () => this.#link === link || client.destroy(),
      (error: unknown) => {
        this.#drop(link)
        throw error
      },
    )
    const link: Link = { client, ready, replies: 0 }
    for (const event of ["error", "end"]) client.on(event, () => this.#drop(link))
    this.#link = link
    return link
  }

  #drop(link: Link): void {
    if (this.#link !== link) return
    this.#link = undefined
    link.client.destroy()
  }
}

async function sendOn({ client, ready }: Link, args: (string | Buffer)[], asBytes = false): Promise<unknown> {
  if (!client.isReady) await ready
  return client.sendCommand(args, asBytes ? { typeMapping: AS_BYTES } : undefined)
}

/** A client that does not connect again by itself. `silenceLimitMs`: it pings, and ends when nothing comes for so long. */
export function openClient(url: string, { silenceLimitMs }: { silenceLimitMs?: number } = {}) {
  const limits = silenceLimitMs === undefined ? {} : { pingInterval: silenceLimitMs / 3 }
  return createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    ...limits,
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      reconnectStrategy: () => false,
      ...(silenceLimitMs !== undefined && { socketTimeout: silenceLimitMs }),
    },
    commandOptions: { timeout: 0 },
  })
}

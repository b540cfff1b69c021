import { createClient, ErrorReply, RESP_TYPES } from "@redis/client"
import type { Log } from "../../lib/log.ts"
import type { Command } from "../command.ts"
import { RestError } from "../rest-error.ts"
import type { Reply } from "./reply.ts"

/** The gateway's connections to one Redis. Commands fail with RestError 503 at once while it is away; reconnecting is ours. */
export type RedisLink = {
  isReady(): boolean
  /** Why it is not ready, as far as it is known. */
  lastError(): unknown
  /** Resolves once Redis was reached; rejects when the link is closed before. */
  connected: Promise<void>
  send(command: Command): Promise<Reply>
  /** MULTI … EXEC: the replies, or the ErrorReply of a transaction that was discarded. */
  transact(commands: readonly Command[]): Promise<Reply>
  subscribe(subscription: Subscription): Promise<{ close(): void }>
  /** Ends every subscription, and with it the event streams, but lets commands finish. */
  closeSubscriptions(): void
  close(): void
}

export type Subscription = {
  kind: "channels" | "patterns"
  names: readonly string[]
  onMessage: (message: { name: string; channel: string; payload: Buffer }) => void
  /** Called once when Redis, and not the caller, ended the subscription. */
  onEnd: () => void
}

/** Each connection pings three times in this period. Callers have their own deadlines, and an idle stack should stay quiet. */
const SILENCE_LIMIT_MS = 120_000
const CONNECT_TIMEOUT_MS = 15_000

export type RedisLinkOptions = {
  url: string
  log: Log
  /** Redis counts as down when it does not answer a ping for this long. */
  silenceLimitMs?: number
}

export function connectRedis({ url, log, silenceLimitMs = SILENCE_LIMIT_MS }: RedisLinkOptions): RedisLink {
  // Transactions use their own connection, so no other caller's command can end up in an open one.
  const main = createConnection({ url, silenceLimitMs, reconnectStrategy: reconnectDelayMs })
  const transactions = createConnection({ url, silenceLimitMs, reconnectStrategy: reconnectDelayMs })
  const subscribers = new Set<Connection>()
  let closed = false
  let lastError: unknown
  let reported: "up" | "down" | undefined

  const isReady = () => main.isReady && transactions.isReady
  for (const connection of [main, transactions]) {
    connection.on("ready", () => report())
    connection.on("error", (error) => report(error))
  }

  function report(error?: unknown): void {
    if (error !== undefined) lastError = error
    const state = isReady() ? "up" : "down"
    if (closed || state === reported || (state === "down" && error === undefined)) return
    reported = state
    if (state === "up") log.info("redis.connected", { redis: hostOf(url) })
    else log.warn("redis.unreachable", { redis: hostOf(url), error })
  }

  const connected = Promise.all([main.connect(), transactions.connect()]).then(() => undefined)
  // Callers that wait for the link get the rejection; for others a closed link is not an error.
  connected.catch(() => undefined)

  /** One state for all connections: a client whose PING was answered can rely on its next transaction. */
  function assertReady(): void {
    if (!isReady()) throw unreachable()
  }

  function closeSubscriptions(): void {
    for (const connection of subscribers) connection.destroy()
  }

  return {
    isReady,
    lastError: () => lastError,
    connected,
    async send(command) {
      assertReady()
      return guard(main.sendCommand<Reply>(command))
    },
    async transact(commands) {
      assertReady()
      return transact(transactions, commands)
    },
    async subscribe(subscription) {
      assertReady()
      const connection = createConnection({ url, silenceLimitMs, reconnectStrategy: () => false })
      subscribers.add(connection)
      const release = () => {
        const wasOpen = subscribers.delete(connection)
        connection.destroy()
        return wasOpen
      }
      connection.on("error", () => release() && subscription.onEnd())
      connection.on("end", () => release() && subscription.onEnd())
      try {
        await connection.connect()
        await listen(connection, subscription)
      } catch (error) {
        release()
        throw error instanceof ErrorReply ? new RestError(400, error.message) : unreachable(error)
      }
      return { close: () => void release() }
    },
    closeSubscriptions,
    close() {
      closed = true
      closeSubscriptions()
      main.destroy()
      transactions.destroy()
    },
  }
}

type Connection = ReturnType<typeof createConnection>

type ConnectionOptions = {
  url: string
  silenceLimitMs: number
  reconnectStrategy: (retries: number) => number | false
}

function createConnection({ url, silenceLimitMs, reconnectStrategy }: ConnectionOptions) {
  return createClient({
    url,
    RESP: 2,
    disableOfflineQueue: true,
    disableClientInfo: true,
    pingInterval: silenceLimitMs / 3,
    socket: {
      connectTimeout: Math.min(CONNECT_TIMEOUT_MS, silenceLimitMs),
      socketTimeout: silenceLimitMs,
      reconnectStrategy,
    },
    commandOptions: {
      typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.NUMBER]: String },
      // No deadline for one command alone: it could take MULTI out of a queue that still holds the rest.
      timeout: 0,
    },
  })
}

/**
 * Sends MULTI to EXEC in one go. The client's own `multi()` reads the reply of EXEC without the type mapping, which damages
 * bytes (6.3.1). Nothing can come between: the connection's queue is filled here without a pause.
 */
async function transact(connection: Connection, commands: readonly Command[]): Promise<Reply> {
  const queued = [["MULTI"], ...commands].map((command) => connection.sendCommand<Reply>(command))
  // A command that Redis refuses to queue makes EXEC reply EXECABORT, which the caller gets.
  for (const reply of queued) reply.catch(() => undefined)
  return guard(connection.sendCommand<Reply>(["EXEC"]))
}

async function listen(connection: Connection, { kind, names, onMessage }: Subscription): Promise<void> {
  for (const name of names) {
    const listener = (payload: Buffer, channel: Buffer) => onMessage({ name, channel: channel.toString(), payload })
    if (kind === "channels") await connection.subscribe(name, listener, true)
    else await connection.pSubscribe(name, listener, true)
  }
}

/** Error replies of Redis are returned like other replies; any other failure means a lost connection. */
async function guard(reply: Promise<Reply>): Promise<Reply> {
  try {
    return await reply
  } catch (error) {
    if (error instanceof ErrorReply) return error
    throw unreachable(error)
  }
}

function unreachable(cause?: unknown): RestError {
  return new RestError(503, "ERR Redis cannot be reached", { cause })
}

/** Doubles from 50 ms to 2 s, half of it random so that many gateways do not come back in step. */
function reconnectDelayMs(retries: number): number {
  const capMs = Math.min(2000, 50 * 2 ** Math.min(retries, 10))
  return capMs / 2 + (Math.random() * capMs) / 2
}

/** Host and port alone: the URL may hold a password. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : "invalid URL"
}

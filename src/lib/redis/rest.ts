import { Redis as Sdk } from "@upstash/redis/cloudflare"
import { readBulkString } from "./bulk-string.ts"
import { readEventStream } from "./event-stream.ts"
import { createRedis, MAX_VALUE_BYTES, type Redis, transferMs } from "./redis.ts"

export type RestOptions = {
  url: string
  token: string
  /** How long one command may take. */
  timeoutMs?: number
  /** What carries bytes here; `fetch` unless said. */
  download?: Download
}

/** The body of a reply, in pieces. Rejects, too, for any status but 200. */
export type Download = (
  url: string,
  init: { headers: Record<string, string>; signal: AbortSignal },
) => Promise<AsyncIterable<Uint8Array>>

/** An upload that takes longer may have a slow line, or a Redis that is gone: a PING tells which, in time for the client. */
const PROBE_AFTER_MS = 300
const PROBE_MS = 1_000

/** Redis over the Upstash REST protocol: one request a command. */
export function connectRest({ url, token, timeoutMs = 1_500, download = fetchBody }: RestOptions): Redis {
  const base = url.replace(/\/$/, "")
  const headers = { authorization: `Bearer ${token}` }
  // Every default of the SDK that is changed here sends writes twice, changes types, or hides a failure.
  const sdk = new Sdk({
    url: base,
    token,
    enableAutoPipelining: false,
    automaticDeserialization: false,
    responseEncoding: false,
    retry: { retries: 0 },
    enableTelemetry: false,
    signal: () => AbortSignal.timeout(timeoutMs),
  })

  const server = { pings: false }
  const request = (path: string, init: RequestInit): Promise<Response> =>
    fetchOk(base + path, { ...init, headers: { ...headers, ...init.headers } })

  return createRedis({
    sdk,

    async setBytes(key, bytes, ttlMs) {
      const gone = new AbortController()
      const ping = () => request("/ping", { signal: AbortSignal.timeout(PROBE_MS) })
      const probe = setTimeout(() => ping().catch((error) => gone.abort(error)), PROBE_AFTER_MS)
      try {
        const response = await request(`/set/${encodeURIComponent(key)}?PX=${ttlMs}`, {
          method: "POST",
          body: bytes as Uint8Array<ArrayBuffer>,
          signal: AbortSignal.any([gone.signal, AbortSignal.timeout(timeoutMs + transferMs(bytes.length))]),
        })
        await response.body?.cancel()
      } finally {
        clearTimeout(probe)
      }
    },

    async getBytes(key) {
      const body = await download(`${base}/get/${encodeURIComponent(key)}`, {
        headers: { ...headers, "upstash-response-format": "resp2" },
        signal: AbortSignal.timeout(timeoutMs + transferMs(MAX_VALUE_BYTES)),
      })
      return await readBulkString(body)
    },

    async subscribe(channel, listener, signal) {
      const connection = new AbortController()
      const response = await request(`/subscribe/${channel}`, {
        method: "POST",
        headers: { accept: "text/event-stream" },
        signal: AbortSignal.any([signal, connection.signal]),
      })
      if (response.body === null) throw new Error("The subscription has no body")
      await readEventStream(response.body, listener, { server, onSilence: () => connection.abort() })
    },
  })
}

async function fetchOk(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init)
  if (!response.ok) throw new Error(`HTTP ${response.status}: ${(await response.text()).slice(0, 200)}`)
  return response
}

const fetchBody: Download = async (url, init) => {
  const { body } = await fetchOk(url, init)
  if (body === null) throw new Error("The reply has no body")
  return body
}

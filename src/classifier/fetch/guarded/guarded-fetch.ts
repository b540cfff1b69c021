import { Agent } from "undici"
import { parseAllowList } from "./allow-list.ts"
import { createGate } from "./gate.ts"
import { guardedConnector } from "./guarded-connector.ts"
import { GuardedFetchError } from "./guarded-fetch-error.ts"
import { firstHop, type Hop, nextHop } from "./next-hop.ts"
import { MAX_HEADER_BYTES, openHop, toFetchError } from "./open-hop.ts"
import { type ReadBodyOptions, readBody, tooLarge } from "./read-body.ts"
import { createResolveHost, type ResolveHost } from "./resolve-host.ts"
import type { UrlRules } from "./url-rules.ts"
import { withDeadline } from "./with-deadline.ts"

export type GuardedFetchConfig = {
  /** Hosts, `host:port`, addresses and CIDR ranges that may be reached although they are private, and by plain http. */
  allowAddresses?: readonly string[]
  /** Ports that https may use on a public host. */
  ports?: readonly number[]
  connectTimeoutMs?: number
  /** Requests under way at once; further ones wait in line, on their own time. */
  maxInFlight?: number
  maxConnectionsPerOrigin?: number
  /** DNS servers to ask instead of the system's: `address` or `address:port`. */
  dnsServers?: readonly string[]
  /** Asked instead of DNS. */
  resolveHost?: ResolveHost
  /** Certificates to trust instead of the system's, in PEM. */
  ca?: string
}

export type GuardedFetchInit = Partial<Pick<ReadBodyOptions, "onTooLarge">> & {
  method?: Hop["method"]
  headers?: Readonly<Record<string, string>>
  body?: string | Uint8Array
  maxBytes: number
  /** From the call to the last byte: waiting, resolving, connecting, every redirect. */
  timeoutMs: number
  /** 0, the default, hands a 3xx back as it is. */
  maxRedirects?: number
  signal?: AbortSignal
}

export type GuardedResponse = {
  status: number
  headers: Headers
  /** As it was sent: a content-encoding that we asked not to have is not undone. */
  body: Uint8Array
  truncated: boolean
  /** Where the answer came from, after redirects. */
  url: string
}

export type GuardedFetch = {
  /**
   * Fetches a URL from an untrusted caller.
   * @throws GuardedFetchError, or the reason of `signal`
   */
  fetch(url: string | URL, init: GuardedFetchInit): Promise<GuardedResponse>
  /** Ends every connection; what is in flight fails with `closed`. */
  close(): Promise<void>
}

/** @throws TypeError when `allowAddresses` cannot be read */
export function createGuardedFetch(config: GuardedFetchConfig = {}): GuardedFetch {
  const rules: UrlRules = { allowList: parseAllowList(config.allowAddresses ?? []), ports: config.ports ?? [443] }
  const gate = createGate(config.maxInFlight ?? 128)
  const agent = createAgent(rules, config)
  let isClosed = false

  async function follow(first: Hop, init: GuardedFetchInit, signal: AbortSignal): Promise<GuardedResponse> {
    const { maxBytes, maxRedirects = 0, onTooLarge = "throw" } = init
    for (let hop = first, redirects = 0; ; redirects += 1) {
      const { status, headers, stream } = await openHop(agent, hop, signal)
      try {
        const next = maxRedirects === 0 ? undefined : nextHop(hop, { status, location: headers.get("location") })
        if (next === undefined) {
          const declared = hop.method === "HEAD" || status === 304 ? 0 : Number(headers.get("content-length") ?? 0)
          if (onTooLarge === "throw" && declared > maxBytes) throw tooLarge(maxBytes)
          return { status, headers, ...(await readBody(stream, { maxBytes, onTooLarge })), url: hop.url.href }
        }
        if (redirects === maxRedirects) {
          throw new GuardedFetchError("too_many_redirects", `Cannot fetch: more than ${maxRedirects} redirects`)
        }
        hop = next
      } catch (error) {
        throw toFetchError(error, hop.url)
      } finally {
        stream.destroy()
      }
    }
  }

  return {
    async fetch(input, init) {
      const first = firstHop(input, init)
      return withDeadline({ ...init, onTimeout: () => timedOut(first.url, init.timeoutMs) }, async (signal) => {
        const leave = await gate.enter(signal)
        try {
          if (isClosed) throw closed()
          return await follow(first, init, signal)
        } finally {
          leave()
        }
      })
    },
    async close() {
      isClosed = true
      await agent.destroy(closed())
    },
  }
}

function createAgent(rules: UrlRules, config: GuardedFetchConfig): Agent {
  const { connectTimeoutMs = 10_000, resolveHost = createResolveHost(config.dnsServers), ca } = config
  return new Agent({
    connect: guardedConnector({ rules, resolveHost, connectTimeoutMs, ca }),
    connections: config.maxConnectionsPerOrigin ?? 8,
    maxHeaderSize: MAX_HEADER_BYTES,
    // An open connection is used again for its own origin only, and goes to an address that was right for that.
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 10_000,
    // The deadline is the one clock, and every request has it.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
}

function timedOut({ origin }: URL, timeoutMs: number): GuardedFetchError {
  return new GuardedFetchError("timeout", `Cannot fetch ${origin}: not done within ${timeoutMs} ms`)
}

function closed(): GuardedFetchError {
  return new GuardedFetchError("closed", "Cannot fetch: this process is shutting down")
}

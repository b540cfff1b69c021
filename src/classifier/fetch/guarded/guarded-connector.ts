import { isIP, type LookupFunction } from "node:net"
import { buildConnector } from "undici"
import { GuardedFetchError } from "./guarded-fetch-error.ts"
import type { ResolveHost } from "./resolve-host.ts"
import { addressRefused, type Reach, reachableAddresses, reachOf, type UrlRules } from "./url-rules.ts"

export type GuardedConnectorOptions = {
  rules: UrlRules
  resolveHost: ResolveHost
  connectTimeoutMs: number
  /** Certificates to trust instead of the system's, in PEM. */
  ca?: string | undefined
}

/** More addresses than this of one name are not tried: an answer may hold thousands. */
const MAX_ADDRESSES = 8

/**
 * The one place where a socket is opened. It judges what undici is about to connect to, whatever was said earlier, and
 * hands the socket only addresses that it has just judged, so that no second lookup gives a name time to change.
 */
export function guardedConnector(options: GuardedConnectorOptions): buildConnector.connector {
  return (target, callback) => {
    try {
      const url = urlOf(target)
      // A socket looks nothing up for an address that stands in the URL: reachOf() has decided that case.
      const connectSocket = socketConnector(url, reachOf(url, options.rules), options)
      connectSocket(target, (error, socket) => {
        if (error === null) callback(null, socket)
        else callback(toConnectError(error, url), null)
      })
    } catch (error) {
      queueMicrotask(() => callback(error instanceof Error ? error : new Error(String(error)), null))
    }
  }
}

/** One connector for each socket, since its lookup belongs to this URL. */
function socketConnector(url: URL, reach: Reach, options: GuardedConnectorOptions): buildConnector.connector {
  return buildConnector({
    lookup: guardedLookup(url, reach, options),
    timeout: options.connectTimeoutMs,
    // Every connection proves who it is.
    maxCachedSessions: 0,
    // Said, because NODE_TLS_REJECT_UNAUTHORIZED could unsay it.
    rejectUnauthorized: true,
    autoSelectFamily: true,
    // Node gives up on an address after this; its 250 ms can be less than one handshake round the world.
    autoSelectFamilyAttemptTimeout: 1_000,
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  })
}

function guardedLookup(url: URL, reach: Reach, { rules, resolveHost }: GuardedConnectorOptions): LookupFunction {
  return (hostname, { all }, callback) => {
    const answer = async () => {
      const resolved = await resolveHost(hostname, { isNamed: reach.to === "anywhere" }).catch((cause: unknown) => {
        throw new GuardedFetchError("dns_failed", `Cannot fetch ${url.origin}: its name cannot be resolved`, { cause })
      })
      const addresses = reachableAddresses(resolved, url, reach, rules.allowList).slice(0, MAX_ADDRESSES)
      const [first] = addresses
      if (first !== undefined) return { first, addresses }
      if (resolved.length === 0) {
        throw new GuardedFetchError("dns_failed", `Cannot fetch ${url.origin}: its name has no address`)
      }
      throw reach.to === "listed" ? new GuardedFetchError(reach.otherwise, reach.message) : addressRefused(url)
    }
    answer().then(
      ({ first, addresses }) => {
        if (all)
          callback(
            null,
            addresses.map((address) => ({ address, family: isIP(address) })),
          )
        else callback(null, first, isIP(first))
      },
      (error: Error) => callback(error, ""),
    )
  }
}

function urlOf({ protocol, hostname, port }: buildConnector.Options): URL {
  return new URL(`${protocol}//${isIP(hostname) === 6 ? `[${hostname}]` : hostname}${port === "" ? "" : `:${port}`}`)
}

function toConnectError(error: Error & { code?: unknown; syscall?: unknown }, { origin, protocol }: URL): Error {
  if (error instanceof GuardedFetchError) return error
  if (error.code === "UND_ERR_CONNECT_TIMEOUT") {
    return new GuardedFetchError("timeout", `Cannot fetch ${origin}: no connection in time`, { cause: error })
  }
  const why = typeof error.code === "string" && /^[A-Z0-9_]+$/.test(error.code) ? ` (${error.code})` : ""
  const isTls = protocol === "https:" && error.syscall !== "connect" && !(error instanceof AggregateError)
  return isTls
    ? new GuardedFetchError("tls_failed", `Cannot fetch ${origin}: no secure connection${why}`, { cause: error })
    : new GuardedFetchError("connect_failed", `Cannot fetch ${origin}: no connection${why}`, { cause: error })
}

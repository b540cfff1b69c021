import { isIP } from "node:net"
import type { AllowList } from "./allow-list.ts"
import { GuardedFetchError, type GuardedFetchErrorCode } from "./guarded-fetch-error.ts"
import { isPublicAddress } from "./public-address.ts"

export type UrlRules = {
  allowList: AllowList
  /** Ports that https may use on a public host. */
  ports: readonly number[]
}

/** Which addresses a URL may connect to, once its host is resolved. */
export type Reach = { to: "anywhere" } | { to: "public" } | { to: "listed"; otherwise: Refusal; message: string }

type Refusal = Extract<GuardedFetchErrorCode, "scheme_refused" | "port_refused" | "address_refused">

const MAX_URL_LENGTH = 4_096
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/
/** Names that mean something else in every network, or nothing in any (RFC 6761, 6762, 7686, 8375, 9476; ICANN). */
const PRIVATE_SUFFIX =
  /(^|\.)(localhost|localdomain|local|internal|intranet|private|corp|home|lan|arpa|test|invalid|onion|alt)$/

/**
 * A URL that a client named, in the one spelling that everything after it uses: no fragment, no trailing dot.
 * @throws GuardedFetchError `bad_url`, `scheme_refused`
 */
export function parseClientUrl(input: string | URL): URL {
  const text = String(input)
  if (text.length > MAX_URL_LENGTH) throw badUrl(`it is longer than ${MAX_URL_LENGTH} characters`)
  if (!URL.canParse(text)) throw badUrl("it is not an absolute URL")
  const url = new URL(text)
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new GuardedFetchError("scheme_refused", "Cannot fetch this URL: its scheme is neither https nor http")
  }
  if (url.username !== "" || url.password !== "") throw badUrl("it holds a user name or password")
  url.hash = ""
  url.hostname = url.hostname.replace(/\.$/, "")
  if (literalAddress(url) === undefined && !HOST_NAME.test(url.hostname)) throw badUrl("its host is not a host name")
  return url
}

/**
 * What the rules say before the host is resolved. For an address that stands in the URL that is everything.
 * @throws GuardedFetchError `scheme_refused`, `port_refused` or `address_refused`, where no answer of a resolver could help
 */
export function reachOf(url: URL, { allowList, ports }: UrlRules): Reach {
  const port = portOf(url)
  if (allowList.hasHost(url.hostname, port)) return { to: "anywhere" }
  const refusal = refusalOf(url, ports)
  if (refusal === undefined) return { to: "public" }
  const address = literalAddress(url)
  const mayBeListed = address === undefined ? allowList.hasAddressFor(port) : allowList.hasAddress(address, port)
  if (!mayBeListed) throw new GuardedFetchError(refusal.otherwise, refusal.message)
  return { to: "listed", ...refusal }
}

/** The addresses that may be connected to, in the order given. */
export function reachableAddresses(addresses: readonly string[], url: URL, reach: Reach, list: AllowList): string[] {
  const port = portOf(url)
  return addresses.filter((address) => {
    if (isIP(address) === 0) return false
    switch (reach.to) {
      case "anywhere":
        return true
      case "listed":
        return list.hasAddress(address, port)
      case "public":
        return isPublicAddress(address) || list.hasAddress(address, port)
      default:
        return reach satisfies never
    }
  })
}

/** The address that stands in the URL itself, which no resolver is asked for. */
function literalAddress(url: URL): string | undefined {
  const address = url.hostname.replace(/^\[(.*)\]$/, "$1")
  return isIP(address) === 0 ? undefined : address
}

export function addressRefused(url: URL): GuardedFetchError {
  const message = `Cannot fetch ${url.origin}: its address is not public, and not in ALLOW_ADDRESSES`
  return new GuardedFetchError("address_refused", message)
}

function refusalOf(url: URL, ports: readonly number[]): { otherwise: Refusal; message: string } | undefined {
  const address = literalAddress(url)
  if (address === undefined && isPrivateName(url.hostname)) {
    const message = `Cannot fetch ${url.origin}: its name does not resolve on the public internet, and is not in ALLOW_ADDRESSES`
    return { otherwise: "address_refused", message }
  }
  if (address !== undefined && !isPublicAddress(address)) {
    return { otherwise: "address_refused", message: addressRefused(url).message }
  }
  if (url.protocol !== "https:") {
    return { otherwise: "scheme_refused", message: `Cannot fetch ${url.origin}: only https is allowed` }
  }
  if (ports.includes(portOf(url))) return undefined
  return { otherwise: "port_refused", message: `Cannot fetch ${url.origin}: only port ${ports.join(", ")} is allowed` }
}

/** A name without a dot is found, if at all, in a search domain or a hosts file. */
function isPrivateName(hostname: string): boolean {
  return !hostname.includes(".") || PRIVATE_SUFFIX.test(hostname)
}

function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port)
  return url.protocol === "https:" ? 443 : 80
}

function badUrl(reason: string): GuardedFetchError {
  return new GuardedFetchError("bad_url", `Cannot fetch this URL: ${reason}`)
}

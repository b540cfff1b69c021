import { isIP } from "node:net"
import ipaddr from "ipaddr.js"

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number]
type Entry = { port: number | undefined; host: string } | { port: number | undefined; range: Range }

/** Where the guarded fetch may go although it is private, on any port, and by plain http. */
export type AllowList = {
  /** The host is named, so wherever it resolves to is right. */
  hasHost(hostname: string, port: number): boolean
  hasAddress(address: string, port: number): boolean
  /** Some address is listed for this port, so a name may resolve to it. */
  hasAddressFor(port: number): boolean
}

/**
 * Reads `host`, `host:port`, `10.0.0.7:9000`, `10.0.0.0/8`, `10.0.0.0/8:9000`, `[::1]:9000`, `fd00::/8`, `[fd00::/8]:443`.
 * A host stands for itself alone, not for its subdomains.
 * @throws TypeError that says which entry cannot be read, by its place in the list
 */
export function parseAllowList(entries: readonly string[]): AllowList {
  const parsed = entries.map((entry, index) => parseEntry(entry, index + 1))
  const matches = (entry: Entry, port: number) => entry.port === undefined || entry.port === port
  return {
    hasHost: (hostname, port) =>
      parsed.some((entry) => matches(entry, port) && "host" in entry && entry.host === hostname),
    hasAddress: (address, port) =>
      parsed.some((entry) => matches(entry, port) && "range" in entry && isWithin(address, entry.range)),
    hasAddressFor: (port) => parsed.some((entry) => matches(entry, port) && "range" in entry),
  }
}

function isWithin(address: string, range: Range): boolean {
  if (isIP(address) === 0 || address.includes("%")) return false
  const parsed = ipaddr.parse(address)
  return parsed.kind() === range[0].kind() && parsed.match(range)
}

function parseEntry(entry: string, place: number): Entry {
  const { name, port } = splitPort(entry)
  const range = parseRange(name)
  const host = parseHost(name)
  const isPort = port === undefined || (port > 0 && port <= 65_535)
  if (isPort && range !== undefined) return { port, range }
  if (isPort && host !== undefined) return { port, host }
  throw new TypeError(`Cannot read entry ${place} of the allow-list: it is no host, host:port, address or CIDR range`)
}

function splitPort(entry: string): { name: string; port: number | undefined } {
  if (isIP(entry) === 6 || ipaddr.IPv6.isValidCIDR(entry)) return { name: entry, port: undefined }
  const parts = /^(?:\[(?<v6>[^[\]]+)\]|(?<other>[^[\]:]+))(?::(?<port>\d{1,5}))?$/.exec(entry)?.groups
  const port = parts?.port === undefined ? undefined : Number(parts.port)
  return { name: parts?.v6 ?? parts?.other ?? "", port }
}

function parseRange(name: string): Range | undefined {
  const [address = "", bits, ...rest] = name.split("/")
  const version = isIP(address)
  if (version === 0 || address.includes("%") || rest.length > 0) return undefined
  const all = version === 4 ? 32 : 128
  if (bits === undefined) return [ipaddr.parse(address), all]
  return /^\d{1,3}$/.test(bits) && Number(bits) <= all ? [ipaddr.parse(address), Number(bits)] : undefined
}

/** As a URL would spell it; an odd spelling of an IPv4 address is refused, lest it be taken for a name. */
function parseHost(name: string): string | undefined {
  if (!/^[^\s/@?#\\:*[\]%]+$/.test(name) || !URL.canParse(`https://${name}`)) return undefined
  const { hostname } = new URL(`https://${name}`)
  return isIP(hostname) === 0 ? hostname.replace(/\.$/, "") : undefined
}

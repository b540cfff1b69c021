import ipaddr from "ipaddr.js"
import { ConfigError, splitWords } from "../lib/env.ts"

type Range = [ipaddr.IPv4 | ipaddr.IPv6, number]

/** Finds the client's address behind trusted proxies. */
export type FindClient = (peer: string, forwardedFor: string | undefined) => string

/**
 * The address that connects, unless it is one of the proxies that are named (addresses and ranges, by white space or commas):
 * then the last one in `X-Forwarded-For` that is not. A client may have written those before it.
 * @throws ConfigError
 */
export function trustProxies(proxies = ""): FindClient {
  const ranges = splitWords(proxies).map(parseRange)
  const isProxy = (address: string) => {
    const parsed = ipaddr.process(address)
    return ranges.some(([range, bits]) => range.kind() === parsed.kind() && parsed.match(range, bits))
  }
  return (peer, forwardedFor = "") => {
    let client = peer
    const hops = forwardedFor.split(",").map((hop) => hop.trim())
    while (isAddress(client) && isProxy(client)) {
      const before = hops.pop()
      if (before === undefined || !isAddress(before)) break
      client = before
    }
    return client
  }
}

/** Not "1" or "0x7f.1", which ipaddr.js takes for IPv4. */
const isAddress = (text: string) => ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)

function parseRange(text: string): Range {
  const [address = "", bits] = text.split("/")
  const hint = "must be addresses or ranges like 10.0.0.0/8"
  if (!isAddress(address)) throw new ConfigError(`Cannot start: TRUSTED_PROXIES ${hint}`)
  const parsed = ipaddr.process(address)
  const most = parsed.kind() === "ipv4" ? 32 : 128
  if (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= most)) {
    throw new ConfigError(`Cannot start: TRUSTED_PROXIES ${hint}`)
  }
  return [parsed, bits === undefined ? most : Number(bits)]
}

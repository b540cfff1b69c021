const KEY = "key:"
const ADDRESS = "ip:"

/** A caller's id says who it is: an API key by its name, or the network of an address. */
export const keyCaller = (name: string): string => KEY + name
export const addressCaller = (address: string): string => ADDRESS + networkOf(address)

export function isKeyCaller(id: string): boolean {
  return id.startsWith(KEY)
}

/** An IPv4 address, or the /56 of an IPv6 one, the usual size of a site (RFC 6177). Anything else as it is. */
export function networkOf(address: string): string {
  const text = address.toLowerCase().split("%")[0] ?? ""
  const ipv4 = /^(?:::ffff:)?(\d{1,3}(?:\.\d{1,3}){3})$/.exec(text)?.[1]
  if (ipv4 !== undefined) return ipv4
  const groups = text.includes(":") ? expandIpv6(text) : null
  if (groups === null) return address
  // An IPv4 address can also be written as the last two of eight groups.
  if (groups.slice(0, 6).join(":") === "0:0:0:0:0:ffff") return dotted(groups.slice(6))
  const [a, b, c, d = ""] = groups
  return `${a}:${b}:${c}:${(Number.parseInt(d, 16) & 0xff00).toString(16)}::/56`
}

/** How much more than one /56 the /48 around it may do, by all its 256 of them together. */
export const PREFIX48_SHARE = 8

/** The /48 around an IPv6 network, as a network or a caller has it: some sites are given all of it. Else null. */
export function prefix48Of(network: string): string | null {
  const groups = /^((?:ip:)?[0-9a-f]{1,4}:[0-9a-f]{1,4}:[0-9a-f]{1,4}):[0-9a-f]{1,4}::\/56$/.exec(network)
  return groups === null ? null : `${groups[1]}::/48`
}

/** Eight groups without leading zeros, or null for what is no address. */
function expandIpv6(text: string): string[] | null {
  const [head = "", tail, more] = text.split("::")
  const list = (part = "") => (part === "" ? [] : part.split(":"))
  const [before, after] = [list(head), list(tail)]
  const missing = 8 - before.length - after.length
  if (more !== undefined || (tail === undefined ? missing !== 0 : missing < 1)) return null
  const groups = [...before, ...new Array<string>(tail === undefined ? 0 : missing).fill("0"), ...after]
  return groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))
    ? groups.map((group) => Number.parseInt(group, 16).toString(16))
    : null
}

function dotted(groups: readonly string[]): string {
  return groups.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255]).join(".")
}

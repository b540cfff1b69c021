import { isIP } from "node:net"
import ipaddr from "ipaddr.js"

/** Ranges that ipaddr.js counts as unicast although nothing public is there. */
const NOT_PUBLIC_V4 = [
  // Azure's WireServer: looks public, is the host that the virtual machine runs on.
  ipaddr.IPv4.parseCIDR("168.63.129.16/32"),
]

/** What IANA hands out as global unicast. ipaddr.js calls everything that it does not know unicast; we do not. */
const GLOBAL_UNICAST_V6 = ipaddr.IPv6.parseCIDR("2000::/3")

const NOT_PUBLIC_V6 = [
  // The 6bone, handed back in 2006 (RFC 3701).
  ipaddr.IPv6.parseCIDR("3ffe::/16"),
]

/**
 * Whether an address, written as a resolver writes it, belongs to a host on the public internet. Fails closed: what is not
 * an address, and every range with a purpose of its own (IANA's special-purpose registries), is not public.
 */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address)
  // A zone names an interface of this machine, which no public address needs.
  if (version === 0 || address.includes("%")) return false
  return version === 4 ? isPublicV4(ipaddr.IPv4.parse(address)) : isPublicV6(ipaddr.IPv6.parse(address))
}

function isPublicV4(address: ipaddr.IPv4): boolean {
  return address.range() === "unicast" && !NOT_PUBLIC_V4.some((range) => address.match(range))
}

function isPublicV6(address: ipaddr.IPv6): boolean {
  return (
    address.range() === "unicast" &&
    address.match(GLOBAL_UNICAST_V6) &&
    !NOT_PUBLIC_V6.some((range) => address.match(range)) &&
    !isIsatap(address)
  )
}

/** ISATAP hides an IPv4 address behind any prefix: `…:0:5efe:a.b.c.d` or `…:200:5efe:a.b.c.d` (RFC 5214). */
function isIsatap({ parts }: ipaddr.IPv6): boolean {
  return (parts[4] === 0 || parts[4] === 0x200) && parts[5] === 0x5efe
}

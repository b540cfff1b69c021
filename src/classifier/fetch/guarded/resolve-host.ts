import { lookup, Resolver } from "node:dns/promises"

/** Addresses of a host, best first. `isNamed`: the operator named this very host, so the system may be asked about it. */
export type ResolveHost = (hostname: string, options: { isNamed: boolean }) => Promise<readonly string[]>

const LOOPBACK = ["127.0.0.1", "::1"]

/**
 * Asks the system (hosts file, search domains) only about hosts that the operator named. Any other name goes to DNS
 * directly: `getaddrinfo` holds a thread of the pool until it is answered, and two names whose servers never answer would
 * stop every other lookup of this process.
 */
export function createResolveHost(servers?: readonly string[]): ResolveHost {
  return async (hostname, { isNamed }) => {
    if (isNamed) return (await lookup(hostname, { all: true })).map(({ address }) => address)
    // RFC 6761: never asked of a server.
    if (/(^|\.)localhost$/.test(hostname)) return LOOPBACK
    // A resolver of its own each time, since one keeps the servers that the machine had when it was made.
    const resolver = new Resolver({ timeout: 2_000, tries: 2 })
    if (servers !== undefined) resolver.setServers(servers)
    const [v4, v6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)])
    if (v4.status === "rejected" && v6.status === "rejected") throw v4.reason
    return [...(v4.status === "fulfilled" ? v4.value : []), ...(v6.status === "fulfilled" ? v6.value : [])]
  }
}

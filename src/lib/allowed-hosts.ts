import * as z from "zod"
import { words } from "./env.ts"

/** Names of ours, without ports; `*` for any. */
export const allowedHosts = () =>
  words().pipe(
    z.array(
      z
        .string()
        .toLowerCase()
        .regex(/^(\*|[a-z0-9_.-]+)$/, "must be host names without ports, or *"),
    ),
  )

/** The host name of a request's URL; empty if its Host header names no host. */
export function hostnameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : ""
}

const MAX_NAME_CHARS = 253

/**
 * Whether a request was sent to a name of ours. Against DNS rebinding: a page whose own name is made to lead here is of
 * one origin with us, for the browser, but its requests carry its name. Addresses and loopback names cannot be made to lead here.
 */
export function isAllowedHost(hostname: string, allowed: readonly string[]): boolean {
  const name = hostname.toLowerCase().replace(/\.$/, "")
  // No name in the DNS is longer, and links that are kept begin with it.
  if (name.length > MAX_NAME_CHARS) return false
  const isAddress = /^\[[0-9a-f:.]+\]$|^\d{1,3}(\.\d{1,3}){3}$/.test(name)
  return isAddress || /^(.+\.)?localhost$/.test(name) || allowed.includes(name) || allowed.includes("*")
}

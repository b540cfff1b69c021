import * as z from "zod"

/** Whether it is one of a Redis by TCP, `redis://[user:password@]host[:port][/database]`, or with TLS, `rediss://…`. */
export function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password, pathname } = new URL(text)
  return (
    /^rediss?:$/.test(protocol) && hostname !== "" && /^(\/\d*)?$/.test(pathname) && isDecodable(username + password)
  )
}

/** A "%" in a password must be written as %25. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false // URIError, for what is no percent-encoding
  }
}

export const redisUrl = () => z.string().refine(isRedisUrl, "must be a redis:// or rediss:// URL")

import type { MiddlewareHandler } from "hono"
import { createMiddleware } from "hono/factory"
import { hostnameOf, isAllowedHost } from "../../lib/allowed-hosts.ts"
import { AppError } from "../../lib/app-error.ts"
import type { EdgeConfig } from "../config.ts"
import type { EdgeContext, EdgeEnv } from "../router.ts"

/** Refuses other host names if anonymous callers are accepted: any page could point its name here (DNS rebinding). */
export function refuseOtherHosts(config: EdgeConfig, ownHosts: readonly string[]): MiddlewareHandler<EdgeEnv> {
  const { ALLOWED_HOSTS, ALLOW_ANONYMOUS, PUBLIC_URL } = config
  const named = PUBLIC_URL === undefined ? [] : [new URL(PUBLIC_URL).hostname]
  const allowed = [...(ALLOWED_HOSTS ?? (ALLOW_ANONYMOUS ? ownHosts : ["*"])), ...named]
  return createMiddleware<EdgeEnv>(async (c, next) => {
    const hostname = hostnameOf(c.req.url)
    if (hostname === "") {
      throw new AppError("bad_request", "Cannot accept the request: its Host header is not the name of a host")
    }
    if (!isAllowedHost(hostname, allowed)) {
      throw new AppError(
        "host_not_allowed",
        "Cannot accept the request: neither PUBLIC_URL nor ALLOWED_HOSTS has the name that it was sent to",
      )
    }
    await next()
  })
}

/** Where clients reach this edge, without a slash at the end: PUBLIC_URL, or where this one has. */
export function baseUrl(c: EdgeContext): string {
  return c.var.services.config.PUBLIC_URL ?? new URL(c.req.url).origin + c.var.basePath
}

/** A link for a client: absolute with PUBLIC_URL, else a path of the host of its request, below the path where the app is mounted. */
export function linkTo(c: EdgeContext, path: string): string {
  return (c.var.services.config.PUBLIC_URL ?? c.var.basePath) + path
}

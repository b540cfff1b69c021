import { type Context, type ExecutionContext, Hono } from "hono"
import { ConfigError } from "../lib/env.ts"
import { createApp } from "./app.ts"
import { edgeEnv, readEdgeConfig } from "./config.ts"
import type { EdgeEnv } from "./router.ts"
import { createServices } from "./services.ts"

type Camel<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<Camel<Tail>>}`
  : Lowercase<Name>
type Given = "UPSTASH_REDIS_REST_URL" | "UPSTASH_REDIS_REST_TOKEN" | "TICKET_SECRET"
/** Every other variable of the edge (docs/configuration.md), in camel case: `allowAnonymous`, `maxImageBytes`, `corsOrigins`. */
export type EdgeSettings = {
  [Name in Exclude<keyof typeof edgeEnv.shape, Given> as Camel<Name>]?:
    | string
    | number
    | boolean
    | readonly string[]
    | undefined
}

export type ClaimcheckOptions = EdgeSettings & {
  /** Upstash, or the gateway in front of a Redis. */
  redis: { url: string; token: string }
  /** Secrets that sign ticket ids, newest first, each of at least 16 characters. */
  tickets: string | readonly string[]
  /** The address of a caller without a key, which a client must not be able to write itself. By default all of them are one caller. */
  clientAddress?: (c: Context) => string
  /** Takes the lines of the log, which are JSON. By default nothing is logged. */
  log?: (line: string) => void
}

/**
 * The API, for an app of your own: `app.route("/images", claimcheck({ redis, tickets }))`. Everything but the web page, with links
 * below the path where it is mounted. Reads no environment, and connects to nothing before the first request.
 * @throws ConfigError that names the variable of a wrong option
 */
export function claimcheck({ redis, tickets, clientAddress, log, ...settings }: ClaimcheckOptions): Hono {
  const env = {
    ...toEnv(settings),
    UPSTASH_REDIS_REST_URL: redis.url,
    UPSTASH_REDIS_REST_TOKEN: redis.token,
    TICKET_SECRET: [tickets].flat().join(" "),
  }
  readEdgeConfig(env)
  const basePaths = new WeakMap<Request, string>()
  // On Workers nothing may be started before a request is there.
  let app: Hono<EdgeEnv> | undefined
  const start = () =>
    createApp(createServices(env, { server: "app", write: log ?? (() => undefined) }), {
      clientAddress: clientAddress ?? (() => "unknown"),
      ownHosts: [],
      basePath: (request) => basePaths.get(request) ?? "",
      waitUntil: (c, work) => contextOf(c)?.waitUntil(work),
    })
  return new Hono().all("*", (c) => {
    app ??= start()
    basePaths.set(c.req.raw, basePathOf(c))
    return app.fetch(c.req.raw, c.env, contextOf(c))
  })
}

function toEnv(settings: object): Record<string, string> {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined)
  const named = given.map(([name, value]) => {
    const variable = name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
    if (!(variable in edgeEnv.shape)) throw new ConfigError(`Cannot start: there is no option ${name}`)
    return [variable, [value].flat().join(" ")]
  })
  return Object.fromEntries(named)
}

/** By the route, `/:tenant/images/*`. Not basePath() of hono/route, which fails where the app has another copy of Hono. */
function basePathOf(c: Context): string {
  const segments = c.req.routePath.split("/").length - 1
  return c.req.path.split("/").slice(0, segments).join("/")
}

/** Workers has one; elsewhere Hono throws. */
function contextOf(c: { executionCtx: unknown }): ExecutionContext | undefined {
  try {
    return c.executionCtx as ExecutionContext
  } catch {
    return undefined // Nothing ends work that outlasts its answer there.
  }
}

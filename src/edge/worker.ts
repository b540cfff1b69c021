import type { ExecutionContext, Hono } from "hono"
import { ERRORS } from "../lib/app-error.ts"
import type { Env } from "../lib/env.ts"
import { createApp } from "./app.ts"
import { DATA_HEADERS } from "./http/security-headers.ts"
import type { EdgeEnv } from "./router.ts"
import { createServices } from "./services.ts"

// One app per isolate: it holds what may be shared between requests, and nothing that may not.
let app: Hono<EdgeEnv> | undefined

/** An isolate has 128 MB (https://developers.cloudflare.com/workers/platform/limits/). */
const ISOLATE_LIMITS = { MAX_BYTES_IN_FLIGHT: "48000000", MAX_BYTES_IN_FLIGHT_PER_CALLER: "16000000" }

function start(env: Env): Hono<EdgeEnv> {
  // biome-ignore lint/suspicious/noConsole: on Workers the console is the log
  const write = (line: string) => console.log(line)
  const services = createServices({ ...ISOLATE_LIMITS, ...env }, { server: "workers", write })
  return createApp(services, {
    clientAddress: (c) => c.req.header("cf-connecting-ip") ?? "unknown",
    // A request gets here by the routes of the worker, which hold its names. `npm start` sets ALLOWED_HOSTS.
    ownHosts: ["*"],
    waitUntil: (c, work) => c.executionCtx.waitUntil(work),
  })
}

export default {
  fetch(request: Request, env: Env, context: ExecutionContext): Response | Promise<Response> {
    try {
      app ??= start(env)
    } catch (error) {
      // biome-ignore lint/suspicious/noConsole: without configuration there is no log yet
      console.error(String(error))
      const detail = "The edge is not configured; its log names the variable"
      const problem = { type: "about:blank", title: ERRORS.internal[1], status: 500, code: "internal", detail }
      return Response.json(problem, {
        status: 500,
        headers: { ...DATA_HEADERS, "content-type": "application/problem+json" },
      })
    }
    return app.fetch(request, env, context)
  },
}

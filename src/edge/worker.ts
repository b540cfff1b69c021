import type { Hono } from "hono"
import type { Env } from "../lib/env.ts"
import { createApp } from "./app.ts"
import type { EdgeEnv } from "./router.ts"
import { createServices } from "./services.ts"

// One app per isolate: it holds what may be shared between requests, and nothing that may not.
let app: Hono<EdgeEnv> | undefined

function start(env: Env): Hono<EdgeEnv> {
  // biome-ignore lint/suspicious/noConsole: on Workers the console is the log
  const services = createServices(env, { server: "workers", write: (line) => console.log(line) })
  return createApp(services, { clientAddress: (c) => c.req.header("cf-connecting-ip") ?? "unknown" })
}

export default {
  fetch(request: Request, env: Env): Response | Promise<Response> {
    try {
      app ??= start(env)
    } catch (error) {
      // biome-ignore lint/suspicious/noConsole: without configuration there is no log yet
      console.error(String(error))
      return Response.json({ title: "The edge is not configured", status: 500, code: "internal" }, { status: 500 })
    }
    return app.fetch(request)
  },
}

import { createApp } from "../../../src/edge/app.ts"
import { createServices, type Services } from "../../../src/edge/services.ts"
import type { RunningEdge } from "./edge-runtime.ts"

/** The edge in this process, called through `app.request()`; `change` replaces services, a clock for example. */
export function openInProcess(env: Record<string, string>, change: Partial<Services> = {}): RunningEdge {
  const lines: string[] = []
  const services = { ...createServices(env, { server: "test", write: (line) => lines.push(line) }), ...change }
  const app = createApp(services, { clientAddress: () => "203.0.113.7", ownHosts: ["edge.test"] })
  return {
    async request(path, init = {}) {
      const request = new Request(`http://edge.test${path}`, init)
      // Over a network the client's fetch says how long a body is.
      if (init.body instanceof Uint8Array) request.headers.set("content-length", String(init.body.length))
      return app.request(request)
    },
    logged: () => lines.join("\n"),
    close: async () => undefined,
  }
}

import { createApp } from "./app.ts"
import { createServices } from "./services.ts"

type Info = { remoteAddr?: { hostname?: string } }
declare const Deno: { env: { toObject(): Record<string, string> }; hostname(): string }

const env = Deno.env.toObject()
// biome-ignore lint/suspicious/noConsole: on Deno Deploy the console is the log
const services = createServices(env, { server: "deno", write: (line) => console.log(line) })
const app = createApp(services, {
  clientAddress: (c) => (c.env as Info).remoteAddr?.hostname ?? "unknown",
  // Deno Deploy hands on what was sent to the names of the project alone.
  ownHosts: env.DENO_DEPLOYMENT_ID === undefined ? [] : ["*"],
  // At once: a timer would keep a process alive that is asked to stop, and what is being sent is waited for.
  waitUntil: (_c, work) => void work,
})

/** The edge on Deno: `deno serve src/edge/deno.ts`. */
export default {
  fetch: (request: Request, info: Info): Response | Promise<Response> => app.fetch(request, info),
}

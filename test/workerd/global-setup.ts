import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { TestProject } from "vitest/node"
import { startBackend } from "../support/edge/edge-backend.ts"
import type { Backend } from "../support/edge/edge-runtime.ts"

declare module "vitest" {
  export interface ProvidedContext {
    /** Address of the lab (below). */
    labUrl: string
    /** The Redis of the worker's own entry, which keeps what it was first called with. */
    workerBackend: { url: string; token: string }
  }
}

/**
 * The lab: tests inside workerd cannot start a Redis, so they ask for one. `POST /start` answers its number, address and
 * token; `POST /<number>/pause`, `/resume`, `/kill` and `/stop` do what they say.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const backends: Backend[] = []
  const start = async () => {
    const backend = await startBackend()
    return { number: backends.push(backend) - 1, url: backend.url, token: backend.token }
  }
  const control = async (number: number, verb: string) => {
    const backend = backends[number]
    if (backend === undefined) throw new Error(`There is no backend ${number}`)
    if (verb !== "pause" && verb !== "resume" && verb !== "kill" && verb !== "stop") throw new Error(`Cannot ${verb}`)
    if (verb === "stop") delete backends[number]
    await backend[verb]()
  }
  const server = createServer(async ({ url = "/" }, response) => {
    const [, first = "", verb = ""] = url.split("/")
    try {
      const answer = first === "start" ? await start() : await control(Number(first), verb)
      response.end(JSON.stringify(answer ?? {}))
    } catch (error) {
      response.writeHead(500).end(String(error))
    }
  }).listen(0, "127.0.0.1")
  await new Promise((resolve) => server.once("listening", resolve))

  const own = await startBackend()
  backends.push(own)
  project.provide("workerBackend", { url: own.url, token: own.token })
  project.provide("labUrl", `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  return async () => {
    server.close()
    await Promise.all(backends.map((backend) => backend.stop()))
  }
}

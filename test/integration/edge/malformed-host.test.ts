import { mkdtempSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startBackend } from "../../support/edge/edge-backend.ts"
import { nodeEdge, openProcess, workerdEdge } from "../../support/edge/edge-process.ts"
import { type Backend, edgeEnv } from "../../support/edge/edge-runtime.ts"

const folder = mkdtempSync(join(tmpdir(), "claimcheck-host-"))
let backend: Backend
beforeAll(async () => {
  backend = await startBackend()
})
afterAll(async () => {
  await backend?.stop()
  rmSync(folder, { recursive: true })
})

/** The whole answer to `GET /v1/models`, sent to that name. */
async function ask(url: string, host: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let answer = ""
  socket.setEncoding("latin1").on("data", (text) => {
    answer += text
  })
  socket.write(`GET /v1/models HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  // workerd closes seconds after it has answered.
  await expect.poll(() => /\r\n\r\n[\s\S]*\}/.test(answer), { interval: 5, timeout: 10_000 }).toBe(true)
  socket.destroy()
  return answer
}

// workerd and @hono/node-server refuse others by themselves: what reaches the edge is what they take for a name.
describe.each(["workerd", "Node"])("a Host header that names no host, on %s", (runtime) => {
  it("is 400 with a problem, whichever way it is wrong, and no failure of ours", async () => {
    const env = await edgeEnv(backend)
    const edge = await openProcess(runtime === "Node" ? nodeEdge() : workerdEdge(env, folder), env)
    try {
      const hosts = ["1.2.3.4.5", "xn--a", ...(runtime === "workerd" ? ["a:b", "a:99999", "[::1"] : [])]
      for (const host of hosts) {
        const answer = await ask(edge.url, host)
        expect(answer, host).toMatch(/^HTTP\/1\.1 400 /)
        expect(answer, host).toContain('"code":"bad_request"')
        expect(answer, host).toContain("application/problem+json")
      }
      expect(edge.logged()).not.toContain("request.failed")
    } finally {
      await edge.close()
    }
  })
})

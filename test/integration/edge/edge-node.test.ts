import { execFile } from "node:child_process"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { conforming } from "../../contract/conforming-edge.ts"
import { edgeDefaultsContract } from "../../contract/edge-contract.ts"
import { startBackend } from "../../support/edge/edge-backend.ts"
import { FakeClassifier } from "../../support/edge/edge-classifier.ts"
import { type EdgeProcess, nodeEdge, openProcess, spawnEdge } from "../../support/edge/edge-process.ts"
import { type Backend, edgeEnv } from "../../support/edge/edge-runtime.ts"
import { uniqueJpeg } from "../../support/images/edge-images.ts"

const run = promisify(execFile)

// What settings change is held in this process and in workerd, and here by test/long/edge-settings.test.ts.
edgeDefaultsContract("as a Node process", conforming({ startBackend, openEdge: (env) => openProcess(nodeEdge(), env) }))

describe("the Node process of the edge", () => {
  let backend: Backend
  let classifier: FakeClassifier
  let edge: EdgeProcess
  beforeAll(async () => {
    backend = await startBackend()
    classifier = new FakeClassifier(backend)
    await classifier.arrive()
    edge = await openProcess(nodeEdge(), await edgeEnv(backend))
  })
  afterAll(async () => {
    await edge?.close()
    await backend?.stop()
  })

  /** Sends bytes as they are, and returns the socket. */
  async function dial(text: string, { url } = edge) {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    await once(socket, "connect")
    socket.write(text)
    return socket
  }

  it("bears with a client that goes away in the middle of its upload, and does not call it a failure of its own", async () => {
    const head = "POST /v1/classifications HTTP/1.1\r\nHost: localhost\r\n"
    const starts = [`${head}Content-Length: 1000\r\n\r\nabc`, `${head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`]
    for (const start of starts) {
      const socket = await dial(start)
      await edge.request("/healthz") // by then the server has seen what was sent before
      socket.destroy()
      await once(socket, "close")
    }
    await expect.poll(async () => (await edge.request("/readyz")).status).toBe(200)
    expect(edge.logged()).not.toContain("request.failed")
  })

  it("refuses a list that is said to be too long with 413, as one that turns out to be", async () => {
    const body = `url\n${"https://a.example/x.jpg\n".repeat(1_500_000)}`
    const headers = { "content-type": "text/csv" }
    const said = await edge.request("/v1/batches?operation=inspect", { method: "POST", headers, body })
    expect([said.status, ((await said.json()) as { code: string }).code]).toEqual([413, "list_too_large"])
    expect(edge.logged()).not.toContain("request.failed")
  })

  it.each([
    ["a list that it need not read", "/v1/batches?operation=inspect&batch_size=0", "text/csv", "url\n", 422],
    ["a form without a file", "/v1/batches", "multipart/form-data; boundary=b", "--b--\r\n\r\n\r\n", 400],
    ["a picture that is too large", "/v1/classifications", "image/png", "x".repeat(8_000_001), 413],
  ])("answers who sends %s though the rest of it drips in without end", async (_what, path, type, start, status) => {
    const piece = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`
    const socket = await dial(head + piece(start))
    const dripping = setInterval(() => socket.write(piece("x")), 100)
    try {
      const [answer] = (await once(socket, "data", { signal: AbortSignal.timeout(10_000) })) as [Buffer]
      expect(answer.toString("latin1")).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    } finally {
      clearInterval(dripping)
      socket.on("error", () => "the server may close it while a piece is on its way")
      socket.destroy()
    }
  })

  it("logs whose work a ticket shares: the lines about that are under the other's id", async () => {
    const body = uniqueJpeg() as Uint8Array<ArrayBuffer>
    const submit = async () => {
      const headers = { "content-type": "image/jpeg" }
      const response = await edge.request("/v1/classifications", { method: "POST", headers, body })
      return ((await response.json()) as { id: string }).id.slice(4, 30)
    }
    const [leader, follower] = [await submit(), await submit()]
    const accepted = () =>
      edge
        .logged()
        .split("\n")
        .find((line) => line.includes(`"jobId":"${follower}"`))
    await vi.waitUntil(accepted, { timeout: 10_000 })
    expect(JSON.parse(accepted() ?? "")).toMatchObject({ event: "job.accepted", status: "following", leader })
  })

  it("knows callers behind a trusted proxy by what that says, and believes nobody else", async () => {
    const env = { ...(await edgeEnv(backend)), RATE_LIMIT: "1/60s" }
    const callAs = async (proxies: Record<string, string>) => {
      const open = await openProcess(nodeEdge(), { ...env, ...proxies })
      const post = async (address: string) => {
        const headers = { "content-type": "text/csv", "x-forwarded-for": `198.51.100.7, ${address}` }
        const list = { method: "POST", headers, body: "url\nhttps://a.example/1.jpg" }
        return (await open.request("/v1/batches?operation=inspect", list)).status
      }
      const statuses = [await post("203.0.113.1"), await post("203.0.113.2"), await post("203.0.113.2")]
      await open.close()
      return statuses
    }
    expect(await callAs({ TRUSTED_PROXIES: "127.0.0.0/8" })).toEqual([202, 202, 429])
    expect(await callAs({})).toEqual([202, 429, 429])
  })

  it("closes connections that are more than MAX_CONNECTIONS, and keeps those that are open", async () => {
    const few = await openProcess(nodeEdge(), { ...(await edgeEnv(backend)), MAX_CONNECTIONS: "2" })
    const { hostname, port } = new URL(few.url)
    const sockets = [1, 2, 3].map(() => connect(Number(port), hostname))
    try {
      const [first, , third] = sockets as [Socket, Socket, Socket]
      await once(third, "close")
      first.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
      expect(String(await once(first, "data"))).toMatch(/^HTTP\/1.1 200 /)
    } finally {
      for (const socket of sockets) socket.destroy()
      await few.close()
    }
  })

  it.each(["abc", "65536", "1.5"])("does not start with PORT=%s, and says why", async (port) => {
    const env = { ...process.env, ...(await edgeEnv(backend)), PORT: port }
    const started = run(process.execPath, ["dist/edge/node.js"], { env })
    await expect(started).rejects.toMatchObject({
      code: 2,
      stderr: "Cannot start: PORT must be a port from 0 to 65535\n",
    })
  })

  it("bears with any Authorization header that a network can bring", async () => {
    const hostile = [
      ["Bearer caf\xc3\xa9 ", 401],
      ["Bearer ck_\xff\xfe\xfd", 401],
      [`Bearer ${"a".repeat(12_000)}`, 401],
      [`Bearer${" ".repeat(12_000)}`, 401],
      ["Bearer alice-token\r\nAuthorization: Bearer bob-token", 401],
      ["\x00", 400],
      [`Bearer ${"a".repeat(20_000)}`, 431],
    ] as const
    for (const [authorization, status] of hostile) {
      const socket = await dial("")
      socket.write(
        `GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: ${authorization}\r\n\r\n`,
        "latin1",
      )
      let answer = ""
      socket.on("data", (data) => (answer += data))
      await once(socket, "close")
      expect(answer, authorization.slice(0, 30)).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    }
    expect((await edge.request("/healthz")).status).toBe(200)
  })

  it("answers what is in its hands before it leaves, and leaves at once then", async () => {
    const leaving = await openProcess(nodeEdge(), await edgeEnv(backend))
    const idle = await dial("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", leaving)
    await once(idle, "data")
    const waiting = leaving.request("/v1/classifications", {
      method: "POST",
      body: uniqueJpeg(),
      headers: { prefer: "wait=20" },
    })
    await vi.waitUntil(() => leaving.logged().includes("job.accepted"), { timeout: 10_000 })
    const closing = leaving.close()
    await classifier.work()
    expect((await waiting).status).toBe(200)
    // As long as a connection is kept that falls idle now: to an edge that stays.
    const kept = await dial("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    kept.resume()
    await closing
    expect([kept.closed, (await leaving.ended).code]).toEqual([false, 0])
    kept.destroy()
  })

  it("says at /readyz that it stops, takes what still comes, and answers it before it closes", async () => {
    const slow = await openProcess(nodeEdge(), { ...(await edgeEnv(backend)), SHUTDOWN_DELAY_MS: "1500" })
    const upload = (headers: Record<string, string> = {}) =>
      slow.request("/v1/classifications", { method: "POST", body: uniqueJpeg(), headers })
    expect((await slow.request("/readyz")).status).toBe(200)
    const closing = slow.close()
    await vi.waitUntil(() => slow.logged().includes("edge.shutting_down"), { timeout: 10_000 })
    const refused = await slow.request("/readyz")
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ code: "shutting_down" })
    const waiting = upload({ prefer: "wait=20" })
    await vi.waitUntil(() => slow.logged().includes("job.accepted"), { timeout: 10_000 })
    await classifier.work()
    expect((await waiting).status).toBe(200)
    await closing
    expect((await slow.ended).code).toBe(0)
  })

  it("does not start without its variables, and names them but no value", async () => {
    const { code, output } = await spawnEdge(nodeEdge(), { TICKET_SECRET: "hunter2", API_KEYS: "hunter2" }).ended
    expect(code).toBe(2)
    for (const name of ["TICKET_SECRET", "API_KEYS", "UPSTASH_REDIS_REST_URL"]) expect(output).toContain(name)
    expect(output).not.toContain("hunter2")
    expect(output).not.toContain("    at ")
  })
})

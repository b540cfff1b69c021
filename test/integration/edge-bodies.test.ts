import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startBackend } from "../support/edge-backend.ts"
import { FakeClassifier } from "../support/edge-classifier.ts"
import { uniqueJpeg } from "../support/edge-images.ts"
import { type EdgeProcess, nodeEdge, openProcess } from "../support/edge-process.ts"
import { ALICE, type Backend, BOB, edgeEnv } from "../support/edge-runtime.ts"

const BODY_BYTES = 7_900_000
const AT_ONCE = 18

let backend: Backend
let edge: EdgeProcess
beforeAll(async () => {
  backend = await startBackend()
  await new FakeClassifier(backend).arrive()
  const limits = {
    MAX_BYTES_IN_FLIGHT: "32000000",
    MAX_BYTES_IN_FLIGHT_PER_CALLER: "20000000",
    BODY_TIMEOUT_MS: "2500",
  }
  edge = await openProcess(nodeEdge(), await edgeEnv(backend, limits))
})
afterAll(async () => {
  await edge?.close()
  await backend?.stop()
})

/** An upload on a socket of its own, that says it has `BODY_BYTES`; and the status of its answer, null until there is one. */
async function begin(token?: string) {
  const { hostname, port } = new URL(edge.url)
  const socket = connect(Number(port), hostname)
  const upload = { socket, status: null as number | null, isClosed: false }
  let answer = ""
  socket.on("data", (text: Buffer) => {
    answer += text.toString("latin1")
    upload.status ??= Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1])
  })
  socket.on("error", () => undefined) // told by its close
  socket.on("close", () => {
    upload.isClosed = true
  })
  await once(socket, "connect")
  const key = token === undefined ? "" : `Authorization: Bearer ${token}\r\n`
  socket.write(`POST /v1/classifications HTTP/1.1\r\nHost: x\r\n${key}Content-Length: ${BODY_BYTES}\r\n\r\n`)
  return upload
}

async function sendAll(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (!socket.write(bytes)) await Promise.race([once(socket, "drain"), once(socket, "close")])
}

describe("bodies in flight on Node", () => {
  it("uploads that stop before their last bytes hold no more than the limits, and are ended", async () => {
    const uploads = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => begin([undefined, ALICE, BOB][i % 3])))
    const almost = new Uint8Array(BODY_BYTES - 1_000)
    await Promise.all(uploads.map(({ socket }) => sendAll(socket, almost)))
    const open = () => uploads.filter(({ status, isClosed }) => status === null && !isClosed)
    // Each that is open holds 2²³ bytes: of 32 MB there is room for three.
    await expect.poll(() => open().length, { timeout: 20_000 }).toBeLessThanOrEqual(3)
    await expect.poll(() => open().length, { timeout: 20_000 }).toBe(0)
    const statuses = new Set(uploads.map(({ status }) => status))
    expect([...statuses].filter((status) => status !== 429 && status !== 503)).toEqual([408])
    expect((await edge.request("/v1/classifications", { method: "POST", body: uniqueJpeg() })).status).toBe(202)
  })

  it("two hundred bodies of a byte at a time are all ended, and a picture beside them is taken", async () => {
    const uploads = await Promise.all(Array.from({ length: 200 }, () => begin()))
    const dripping = setInterval(() => {
      for (const { socket } of uploads) if (socket.writable) socket.write("x")
    }, 100)
    try {
      expect((await edge.request("/v1/classifications", { method: "POST", body: uniqueJpeg() })).status).toBe(202)
      await expect.poll(() => uploads.every(({ isClosed }) => isClosed), { timeout: 30_000 }).toBe(true)
      expect(new Set(uploads.map(({ status }) => status))).toEqual(new Set([408]))
    } finally {
      clearInterval(dripping)
    }
  })
})

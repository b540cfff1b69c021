import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startBackend } from "../../support/edge/edge-backend.ts"
import { FakeClassifier } from "../../support/edge/edge-classifier.ts"
import { type EdgeProcess, nodeEdge, openProcess } from "../../support/edge/edge-process.ts"
import { ALICE, type Backend, BOB, edgeEnv } from "../../support/edge/edge-runtime.ts"
import { uniqueJpeg } from "../../support/images/edge-images.ts"

const BODY_BYTES = 7_900_000
const AT_ONCE = 9

let backend: Backend
let edge: EdgeProcess
beforeAll(async () => {
  backend = await startBackend()
  await new FakeClassifier(backend).arrive()
  const limits = {
    MAX_BYTES_IN_FLIGHT: "17000000",
    MAX_BYTES_IN_FLIGHT_PER_CALLER: "14000000",
    BODY_TIMEOUT_MS: "5000",
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
  socket.write(`POST /v1/classifications HTTP/1.1\r\nHost: localhost\r\n${key}Content-Length: ${BODY_BYTES}\r\n\r\n`)
  return upload
}

function sendAll(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve())
    socket.write(bytes, () => resolve())
  })
}

/** The statuses that were heard: a sender that goes on after its answer may find its connection reset before it reads it. */
const heard = (uploads: { status: number | null }[]) => [
  ...new Set(uploads.flatMap(({ status }) => (status === null ? [] : [status]))),
]

describe("bodies in flight on Node", () => {
  it("uploads that stop before their last bytes hold no more than the limits, and are ended", async () => {
    const uploads = await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => begin([undefined, ALICE, BOB][i % 3])))
    const almost = new Uint8Array(BODY_BYTES - 1_000)
    await Promise.all(uploads.map(({ socket }) => sendAll(socket, almost)))
    await expect.poll(() => uploads.every(({ isClosed }) => isClosed), { timeout: 30_000 }).toBe(true)
    const count = (...statuses: number[]) => uploads.filter(({ status }) => statuses.includes(status ?? 0)).length
    // Each that is held holds 2²³ bytes: of 17 MB there is room for two, until their time is over.
    expect([count(429, 503) > 0, count(408) <= 2]).toEqual([true, true])
    expect(heard(uploads).filter((status) => ![408, 429, 503].includes(status))).toEqual([])
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
      expect(heard(uploads)).toEqual([408])
    } finally {
      clearInterval(dripping)
    }
  })
})

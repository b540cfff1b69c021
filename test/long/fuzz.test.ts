import { readFile, writeFile } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { startBackend } from "../support/edge/edge-backend.ts"
import { FakeClassifier } from "../support/edge/edge-classifier.ts"
import { type EdgeProcess, nodeEdge, openProcess } from "../support/edge/edge-process.ts"
import { type Backend, edgeEnv } from "../support/edge/edge-runtime.ts"
import { fuzzEdge } from "../support/fuzz/fuzz-edge.ts"
import { sendRaw } from "../support/fuzz/raw-http.ts"
import { BAD_HEADS } from "../support/fuzz/raw-requests.ts"
import { noise, uniqueJpeg } from "../support/images/edge-images.ts"

/** FUZZ_SEED repeats a failure; `npm run fuzz -- --requests N` goes on for longer. */
const SEED = Number(process.env.FUZZ_SEED ?? 1)

let backend: Backend
let edge: EdgeProcess
beforeAll(async () => {
  backend = await startBackend()
  await new FakeClassifier(backend).arrive()
  edge = await openProcess(nodeEdge(), await edgeEnv(backend))
})
afterAll(async () => {
  await edge?.close()
  await backend?.stop()
})

describe("hostile input", () => {
  it("10,000 requests made from the document: never a 5xx, and every answer as described", {
    timeout: 180_000,
  }, async () => {
    const report = await fuzzEdge(backend, { requests: 10_000, seed: SEED })
    expect(report.requests).toBeGreaterThanOrEqual(10_000)
    // It got somewhere: past the door, into the queue, and to every kind of refusal.
    for (const status of [200, 202, 304, 400, 401, 403, 404, 405, 409, 413, 415, 422]) {
      expect(report.byStatus[status], String(status)).toBeGreaterThan(0)
    }
  })

  it.each(BAD_HEADS)("over a socket: %s is refused or answered, never a 5xx", async (what, request) => {
    expect(await sendRaw(edge.url, request)).toSatisfy(isFitting(what))
    expect((await edge.request("/healthz")).status).toBe(200)
    expect(edge.logged()).not.toContain("request.failed")
  })

  it("over sockets: 300 of them at the same time, and the edge goes on", async () => {
    const requests = Array.from({ length: 6 }, () => BAD_HEADS).flat()
    const unfit = requests.map(async ([what, request]) => {
      const status = await sendRaw(edge.url, request)
      return isFitting(what)(status) ? [] : [`${what}: ${status}`]
    })
    expect((await Promise.all(unfit)).flat()).toEqual([])
    expect((await edge.request("/v1/classifications", { method: "POST", body: uniqueJpeg() })).status).toBe(202)
    expect(edge.logged()).not.toContain("request.failed")
  })

  it("a hundred bodies that never end hold up nobody", async () => {
    const over = new AbortController()
    const slow = Array.from({ length: 100 }, async () => {
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          await sleep(50, undefined, { signal: over.signal })
          controller.enqueue(noise(10))
        },
      })
      const init = { method: "POST", body, duplex: "half", signal: over.signal } as RequestInit
      await expect(edge.request("/v1/classifications", init)).rejects.toThrow()
    })
    await sleep(300)
    expect((await edge.request("/v1/classifications", { method: "POST", body: uniqueJpeg() })).status).toBe(202)
    over.abort()
    await Promise.all(slow)
    await expect.poll(async () => (await edge.request("/healthz")).status).toBe(200)
    expect(edge.logged()).not.toContain("request.failed")
  })
})

/** Node ends the connection of a CONNECT without an answer; everything else gets one. */
function isFitting(what: string) {
  return (status: number | null) => (what === "CONNECT" ? status === null : status !== null && status < 500)
}

describe("a body past its limit is never held in memory", () => {
  const AT_ONCE = 20
  const BODY_BYTES = 60_000_000
  const LIMIT_BYTES = 8_000_000

  it.each([
    ["raw", "/v1/classifications", "image/jpeg"],
    ["a form", "/v1/classifications", "multipart/form-data; boundary=x"],
    ["JSON", "/v1/classifications", "application/json"],
    ["to where there is nothing", "/nowhere", "image/jpeg"],
    ["the tutorial's form", "/predict", "multipart/form-data; boundary=x"],
    ["a type of our own", "/v1/classifications", "x/y"],
  ])(
    "%s: twenty of 60 MB each that say no length are refused, in less memory than twenty limits and their copies",
    async (_what, path, type) => {
      const before = await resetPeak(edge.pid)
      const statuses = await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          const response = await edge.request(path, endless(type, BODY_BYTES))
          return response.status
        }),
      )
      expect(statuses.filter((status) => ![413, 415, 404, 429].includes(status))).toEqual([])
      expect((await peakBytes(edge.pid)) - before).toBeLessThan(2 * AT_ONCE * LIMIT_BYTES)
    },
  )

  it("a body that is announced as too long is refused without being read", async () => {
    const before = await resetPeak(edge.pid)
    const head = "POST /v1/classifications HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000000\r\n\r\n"
    expect(await sendRaw(edge.url, { head, body: [noise(1_000)] })).toBe(413)
    expect((await peakBytes(edge.pid)) - before).toBeLessThan(LIMIT_BYTES)
  })
})

function endless(type: string, bytes: number): RequestInit {
  const piece = noise(64_000)
  let sent = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(piece)
      sent += piece.length
      if (sent >= bytes) controller.close()
    },
  })
  return { method: "POST", body, headers: { "content-type": type }, duplex: "half" } as RequestInit
}

/** What the process holds now; from here on its peak is measured anew. */
async function resetPeak(pid: number): Promise<number> {
  await writeFile(`/proc/${pid}/clear_refs`, "5")
  return peakBytes(pid)
}

/** The most memory that the process has held since. */
async function peakBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8")
  return Number(status.match(/VmHWM:\s+(\d+) kB/)?.[1]) * 1_024
}

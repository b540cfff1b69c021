import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { openPictureSource, type PictureSource } from "../../../../src/classifier/fetch/open-picture-source.ts"

type Answer = (response: ServerResponse, request: IncomingMessage, n: number) => unknown

const PICTURE = Buffer.from("a picture, as far as a fetch can tell")
const config = {
  FETCHES: 32,
  FETCHES_PER_HOST: 3,
  FETCH_TIMEOUT_MS: 1_000,
  FETCH_DEADLINE_MS: 5_000,
  MAX_IMAGE_BYTES: 1_000,
  MAX_IMAGE_PIXELS: 1_000_000,
  MAX_IMAGE_SIDE: 65_535,
}

let source: PictureSource
let origin: string
let answer: Answer
let requests: { atMs: number; headers: IncomingMessage["headers"]; port: number }[]
let close: () => Promise<void>

beforeEach(async () => {
  requests = []
  const server = createServer((request, response) => {
    const port = request.socket.remotePort ?? 0
    answer(response, request, requests.push({ atMs: performance.now(), headers: request.headers, port }) - 1)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  origin = `http://${address}`
  source = openPictureSource({ ...config, ALLOW_ADDRESSES: [address] })
  close = async () => {
    await source.close()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})
afterEach(() => close())

const never = new AbortController().signal
const get = (path = "/cat.jpg", signal = never) => source.fetch({ kind: "url", url: origin + path }, signal)
const statuses =
  (...list: number[]): Answer =>
  (response, _request, n) =>
    response.writeHead(list[Math.min(n, list.length - 1)] ?? 200).end(PICTURE)

describe("a picture is fetched by its URL", () => {
  it("as it is, on connections that are used again, and tells no trace to the host", async () => {
    answer = statuses(200)
    for (let i = 0; i < 5; i++) expect(Buffer.from(await get())).toEqual(PICTURE)
    expect(new Set(requests.map(({ port }) => port)).size).toBeLessThan(5)
    expect(requests[0]?.headers).toMatchObject({ accept: "image/*", "user-agent": "claimcheck" })
    expect(requests[0]?.headers).not.toHaveProperty("traceparent")
  })

  it.each([503, 500, 429, 408])("again, when the host first answers %d", async (status) => {
    answer = statuses(status, 200)
    expect(Buffer.from(await get())).toEqual(PICTURE)
    expect(requests).toHaveLength(2)
  })

  it("not before the host wants to be asked again", async () => {
    answer = (response, _request, n) =>
      n === 0 ? response.writeHead(429, { "retry-after": "1" }).end() : response.end(PICTURE)
    await get()
    const [first, second] = requests
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(950)
  })

  it("again, when the connection is reset in the middle", async () => {
    answer = (response, _request, n) => {
      if (n > 0) return response.end(PICTURE)
      response.writeHead(200, { "content-length": "900" }).write("half of it")
      return setTimeout(() => response.socket?.resetAndDestroy(), 20)
    }
    expect(Buffer.from(await get())).toEqual(PICTURE)
  })

  it("a few times and no more", async () => {
    answer = statuses(503)
    await expect(get()).rejects.toMatchObject({ code: "fetch_failed", message: expect.stringContaining("503") })
    expect(requests).toHaveLength(4)
  })

  it("not again when the host wants more time than there is", async () => {
    answer = (response) => response.writeHead(503, { "retry-after": "3600" }).end()
    await expect(get()).rejects.toMatchObject({ code: "fetch_failed" })
    expect(requests).toHaveLength(1)
  })

  const hopeless: [what: string, answer: Answer, code: string][] = [
    ["404", statuses(404), "url_not_found"],
    ["410", statuses(410), "url_not_found"],
    ["403", statuses(403), "fetch_failed"],
    ["204", statuses(204), "fetch_failed"],
    ["206 to no range", statuses(206), "fetch_failed"],
    [
      "a declared length past the limit",
      (response) => response.writeHead(200, { "content-length": "1001" }).end(),
      "image_too_large",
    ],
    ["more bytes than the limit, undeclared", (response) => void response.write("x".repeat(2_000)), "image_too_large"],
    ["nothing at all", () => undefined, "fetch_timeout"],
    ["a body that never ends", (response) => void response.write("x"), "fetch_timeout"],
    [
      "a redirect to a private address",
      (response) => response.writeHead(302, { location: "http://10.0.0.1/" }).end(),
      "url_refused",
    ],
    ["redirects in a circle", (response) => response.writeHead(302, { location: "/cat.jpg" }).end(), "fetch_failed"],
  ]
  it.each(hopeless)("once, when the host answers with %s", async (what, given, code) => {
    answer = given
    await expect(get()).rejects.toMatchObject({ name: "AppError", code })
    expect(requests.length).toBeLessThanOrEqual(what === "redirects in a circle" ? 6 : 1)
  })

  it.each([
    ["https://10.0.0.1/cat.jpg", "url_refused"],
    ["http://example.com/cat.jpg", "url_refused"],
    ["https://metadata.internal/cat.jpg", "url_refused"],
  ])("never from %s", async (url, code) => {
    await expect(source.fetch({ kind: "url", url }, never)).rejects.toMatchObject({ code })
  })

  it("by so many at once from one host, and no more; who is aborted in the line makes room", async () => {
    const open: ServerResponse[] = []
    let most = 0
    answer = (response) => {
      open.push(response)
      most = Math.max(most, open.length)
    }
    const abort = new AbortController()
    const all = Array.from({ length: 10 }, (_, i) => get(`/${i}`, i === 5 ? abort.signal : never))
    const settled = Promise.allSettled(all)
    abort.abort(new Error("canceled"))
    const answering = setInterval(() => open.shift()?.end(PICTURE), 10)
    const ends = await settled
    clearInterval(answering)
    expect(most).toBe(3)
    expect(ends.map(({ status }) => status).filter((status) => status === "rejected")).toHaveLength(1)
  })

  it("until it is aborted, between two tries as well", async () => {
    answer = (response) => response.writeHead(503, { "retry-after": "3" }).end()
    const abort = new AbortController()
    const fetched = get("/", abort.signal)
    const outcome = expect(fetched).rejects.toThrow("canceled")
    while (requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    abort.abort(new Error("canceled"))
    await outcome
    expect(requests).toHaveLength(1)
  })
})

import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { buffer } from "node:stream/consumers"
import { expect, onTestFinished, test } from "vitest"
import { Claimcheck } from "../../../../src/lib/client/claimcheck.ts"

type Handle = (request: IncomingMessage, response: ServerResponse, body: Buffer, count: number) => void

/** A server on a real socket; the handle is told how many requests have come before. */
async function serve(handle: Handle) {
  const seen: { key: string; body: string }[] = []
  const server = createServer(async (request, response) => {
    const body = await buffer(request)
    seen.push({ key: String(request.headers["idempotency-key"]), body: body.toString() })
    handle(request, response, body, seen.length - 1)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  // No wait between tries: what is measured here is what happens, not when.
  return { seen, client: new Claimcheck({ url, random: () => 0, tryTimeoutMs: 2_000 }) }
}

const TICKET = { id: "cls_1", status: "succeeded", done: true }
const BATCH = { id: "bat_1", status: "processing", done: false }
const PAGE = "url,status\r\n1,ok\r\n2,ok\r\n"

test("an answer that breaks off in the middle is asked for again, however it breaks off", async () => {
  const breaks: Handle[] = [
    // Fewer bytes than it said.
    (_request, response) =>
      response.writeHead(200, { "content-length": "999" }).write("part", () => response.destroy()),
    // A piece, and no end.
    (_request, response) => response.writeHead(200).write("part", () => response.destroy()),
    // As an HTTP/1.0 proxy ends what its server did not end: nobody can tell, but for what the answer says of itself.
    (_request, response) => {
      response.useChunkedEncodingByDefault = false
      response.shouldKeepAlive = false
      response.setHeader("next-after", "2").end(PAGE.slice(0, 18))
    },
    // Nothing, and not an end either.
    (_request, response) => void response.writeHead(200).write("part"),
    (request) => void request.socket.destroy(),
    (_request, response) => response.writeHead(502, { "content-type": "text/html" }).end("<html>a proxy</html>"),
  ]
  const whole: Record<string, string> = { "/v1/outputs/1": "made", "/v1/classifications/cls_1": JSON.stringify(TICKET) }
  const ask = async (path: string) => {
    const edge = await serve((request, response, body, count) => {
      const broken = breaks[count]
      if (broken !== undefined) return broken(request, response, body, count)
      response.setHeader("next-after", "2").end(whole[path] ?? PAGE)
    })
    const { client } = edge
    const read: Record<string, () => Promise<unknown>> = {
      "/v1/outputs/1": async () => (await client.output({ output: { url: path, bytes: 4 } })).text(),
      "/v1/classifications/cls_1": async () => JSON.stringify(await client.ticket("cls_1").result()),
      "/v1/batches/bat_1/results": async () => (await client.batch("bat_1").results()).body.text(),
    }
    expect(await read[path]?.()).toBe(whole[path] ?? PAGE)
    expect(edge.seen).toHaveLength(breaks.length + 1)
  }
  await Promise.all(["/v1/outputs/1", "/v1/classifications/cls_1", "/v1/batches/bat_1/results"].map(ask))
}, 30_000)

test("a reply that is lost after the edge has taken the request leads to the same ticket, whole and once", async () => {
  const taken = new Map<string, string>()
  const edge = await serve((request, response, _body, count) => {
    const key = String(request.headers["idempotency-key"])
    const isBatch = request.url?.startsWith("/v1/batches") === true
    const id = taken.get(key) ?? `${isBatch ? "bat" : "cls"}_${taken.size}`
    taken.set(key, id)
    if (count % 3 < 2) return void request.socket.destroy()
    response.writeHead(202).end(JSON.stringify({ ...(isBatch ? BATCH : TICKET), id }))
  })
  const picture = new Uint8Array(300_000).fill(65)
  expect((await edge.client.submit(picture)).id).toBe("cls_0")
  const list = new Blob(["url\nhttps://a.example\n"]).stream()
  expect((await edge.client.submitBatch(list)).id).toBe("bat_1")
  expect(taken.size).toBe(2)
  expect(new Set(edge.seen.map(({ body }) => body.length))).toEqual(new Set([300_000, 22]))
})

test("calls of one client and of two, at once, keep their answers, keys and failures apart", async () => {
  const edge = await serve((request, response, body, count) => {
    // Every second request is lost, whosever it is.
    if (count % 2 === 0) return void request.socket.destroy()
    response.writeHead(202).end(JSON.stringify({ ...TICKET, id: `cls_${body.toString()}` }))
  })
  const { seen, client } = edge
  const { client: other } = await serve((_request, response) => response.writeHead(404).end('{"code":"not_found"}'))
  const controller = new AbortController()
  const sent = Array.from({ length: 20 }, (_, i) => client.submit(new TextEncoder().encode(String(i))))
  const aborted = client.submit(new TextEncoder().encode("x"), { signal: controller.signal })
  controller.abort("enough")
  await expect(aborted).rejects.toBe("enough")
  await expect(other.ticket("cls_1").result()).rejects.toMatchObject({ code: "not_found" })
  expect((await Promise.all(sent)).map(({ id }) => id)).toEqual(sent.map((_, i) => `cls_${i}`))
  const keysOf = new Map<string, Set<string>>()
  for (const { key, body } of seen) keysOf.set(body, (keysOf.get(body) ?? new Set()).add(key))
  for (const keys of keysOf.values()) expect(keys.size).toBe(1)
  expect(new Set(seen.map(({ key }) => key)).size).toBe(keysOf.size)
})

import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { createServer, type RequestListener, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import sharp from "sharp"
import { afterEach, beforeAll, expect, test } from "vitest"
import { createGuardedFetch, type GuardedFetch } from "../../src/classifier/guarded-fetch/guarded-fetch.ts"
import { inspectUrl } from "../../src/classifier/operations/inspect-url.ts"
import { rangeHeader, toFetchedPart } from "../../src/classifier/operations/to-fetched-part.ts"

const MAX_BYTES = 8_000_000
let picture: Buffer
let server: Server
let guarded: GuardedFetch

beforeAll(async () => {
  picture = await sharp(randomBytes(900 * 600 * 3), { raw: { width: 900, height: 600, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer()
})
afterEach(async () => {
  await guarded.close()
  server.closeAllConnections()
  server.close()
})

/** Inspects what the server says, and counts what it got rid of. */
async function inspectFrom(listener: RequestListener) {
  let connectionBytes = 0
  server = createServer(listener).on("connection", (socket) => {
    socket.on("close", () => {
      connectionBytes += socket.bytesWritten
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  guarded = createGuardedFetch({ allowAddresses: [`127.0.0.1:${port}`] })
  const fetchPart = async (bytes: number | "all") => {
    const partly =
      bytes === "all"
        ? { maxBytes: MAX_BYTES }
        : { maxBytes: bytes, headers: rangeHeader(bytes), onTooLarge: "truncate" as const }
    const part = toFetchedPart(await guarded.fetch(`http://127.0.0.1:${port}/a.jpg`, { timeoutMs: 10_000, ...partly }))
    if (part === null) throw new Error("refused")
    return part
  }
  const { header, ...rest } = await inspectUrl({ fetchPart, wantsHash: false })
  return { size: [header.width, header.height], ...rest, sentBytes: () => connectionBytes }
}

/** As a server of files does it. */
const ranged: RequestListener = (request, response) => {
  const last = Number(/^bytes=0-(\d+)$/.exec(request.headers.range ?? "")?.[1] ?? picture.length - 1)
  const part = picture.subarray(0, last + 1)
  response
    .writeHead(206, { "content-range": `bytes 0-${part.length - 1}/${picture.length}`, "content-length": part.length })
    .end(part)
}

test("a server that knows ranges sends the header's part, and says how long the file is", async () => {
  const { sentBytes: _sent, ...seen } = await inspectFrom(ranged)
  expect(picture.length).toBeGreaterThan(200_000)
  expect(seen).toEqual({ size: [900, 600], bytes: picture.length })
})

test("a server that ignores the range is read up to the header and broken off; its length counts", async () => {
  // Twenty times what any buffer on the way holds.
  const fileBytes = 200_000_000
  const { sentBytes, ...seen } = await inspectFrom((_request, response) => {
    response.writeHead(200, { "content-length": fileBytes })
    response.write(picture)
    const filler = Buffer.alloc(1_000_000)
    let left = fileBytes - picture.length
    const pour = () => {
      while (left > 0 && !response.destroyed) {
        const piece = filler.subarray(0, left)
        left -= piece.length
        if (!response.write(piece)) return void response.once("drain", pour)
      }
    }
    pour()
  })
  expect(seen).toEqual({ size: [900, 600], bytes: fileBytes })
  await expect.poll(sentBytes).toBeGreaterThan(0)
  expect(sentBytes()).toBeLessThan(fileBytes / 4)
})

test("a server that does not say how long the file is has it counted, and the hash comes with it", async () => {
  const seen = await inspectFrom((_request, response) => {
    response.writeHead(200)
    response.write(picture)
    response.end()
  })
  expect(seen).toMatchObject({
    size: [900, 600],
    bytes: picture.length,
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  })
})

test("an empty file is empty, whatever a range is answered with", async () => {
  const empty = inspectFrom(
    (_request, response) => void response.writeHead(416, { "content-range": "bytes */0" }).end(),
  )
  await expect(empty).rejects.toMatchObject({ code: "empty_body" })
})

test.each([
  [206, "bytes 5-10/100"],
  [206, "nonsense"],
  [206, undefined],
  [416, "bytes */100"],
  [404, undefined],
  [500, undefined],
])("%i with the range %s is no part of the file", (status, range) => {
  const headers = new Headers(range === undefined ? {} : { "content-range": range })
  expect(toFetchedPart({ status, headers, body: new Uint8Array(6), truncated: false })).toBeNull()
})

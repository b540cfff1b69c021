import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import { createServer, type RequestListener, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import sharp from "sharp"
import { afterEach, beforeAll, describe, expect, it } from "vitest"
import { openPictureSource, type PictureSource } from "../../../../src/classifier/fetch/open-picture-source.ts"
import { toFetchedPart } from "../../../../src/classifier/fetch/to-fetched-part.ts"
import { flatJpeg } from "../../../support/images/images.ts"

const MAX_BYTES = 8_000_000
let picture: Buffer
let server: Server
let source: PictureSource | undefined

beforeAll(async () => {
  picture = await sharp(randomBytes(900 * 600 * 3), { raw: { width: 900, height: 600, channels: 3 } })
    .jpeg({ quality: 90 })
    .toBuffer()
})
afterEach(async () => {
  await source?.close()
  source = undefined
  server?.closeAllConnections()
  server?.close()
})

const never = new AbortController().signal
const seen = { format: "jpeg", width: 900, height: 600, orientation: 1 }
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

/** Inspects what a host answers with, and tells what was asked for and how many bytes the host got rid of. */
async function inspectFrom(
  listener: RequestListener,
  { wantsHash = false, maxPixels = 50_000_000, maxSidePx = 65_535 } = {},
) {
  const ranges: (string | undefined)[] = []
  const sockets: { bytesWritten: number }[] = []
  server = createServer((request, response) => {
    ranges.push(request.headers.range)
    listener(request, response)
  }).on("connection", (socket) => sockets.push(socket))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  source = openPictureSource({
    FETCHES: 32,
    FETCHES_PER_HOST: 3,
    FETCH_TIMEOUT_MS: 10_000,
    FETCH_DEADLINE_MS: 20_000,
    MAX_IMAGE_BYTES: MAX_BYTES,
    MAX_IMAGE_PIXELS: maxPixels,
    MAX_IMAGE_SIDE: maxSidePx,
    ALLOW_ADDRESSES: [`127.0.0.1:${port}`],
  })
  const image = await source.inspect(
    { kind: "url", url: `http://127.0.0.1:${port}/a.jpg` },
    { wantsHash, signal: never },
  )
  return { image, ranges, sentBytes: () => sockets.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0) }
}

/** As a server of files does it. */
const ranged =
  (file: Uint8Array): RequestListener =>
  (request, response) => {
    const last = /^bytes=0-(\d+)$/.exec(request.headers.range ?? "")?.[1]
    if (last === undefined) return void response.end(file)
    const part = file.subarray(0, Number(last) + 1)
    const range = `bytes 0-${part.length - 1}/${file.length}`
    response.writeHead(206, { "content-range": range, "content-length": part.length }).end(part)
  }

/** Sends a picture and then filler, for as long as somebody reads. */
function pour(response: ServerResponse, bytes: number): void {
  response.write(picture)
  const filler = Buffer.alloc(1_000_000)
  let left = bytes - picture.length
  const more = () => {
    while (left > 0 && !response.destroyed) {
      const piece = filler.subarray(0, left)
      left -= piece.length
      if (!response.write(piece)) return void response.once("drain", more)
    }
  }
  more()
}

describe("a picture elsewhere is inspected", () => {
  it("by its first bytes, of a host that knows ranges: no more of it is on the wire", async () => {
    const { image, ranges, sentBytes } = await inspectFrom(ranged(picture))
    expect(picture.length).toBeGreaterThan(200_000)
    expect(image).toEqual({ ...seen, bytes: picture.length })
    expect(ranges).toEqual(["bytes=0-65535"])
    expect(sentBytes()).toBeLessThan(65_536 + 1_000)
  })

  it("by all of it when its hash is wanted", async () => {
    const { image, ranges, sentBytes } = await inspectFrom(ranged(picture), { wantsHash: true })
    expect(image).toEqual({ ...seen, bytes: picture.length, sha256: sha256(picture) })
    expect(ranges).toEqual([undefined])
    expect(sentBytes()).toBeGreaterThan(picture.length)
  })

  it("with its hash, when it is shorter than what was asked for", async () => {
    const file = flatJpeg([200, 30, 40])
    const { image, ranges } = await inspectFrom(ranged(file))
    expect(image).toMatchObject({ width: 32, height: 32, bytes: file.length, sha256: sha256(file) })
    expect(ranges).toHaveLength(1)
  })

  it("up to its header, where a host ignores the range, and broken off there; its length counts", async () => {
    // Twenty times what any buffer on the way holds.
    const fileBytes = 200_000_000
    const { image, sentBytes } = await inspectFrom((_request, response) => {
      response.writeHead(200, { "content-length": fileBytes })
      pour(response, fileBytes)
    })
    expect(image).toEqual({ ...seen, bytes: fileBytes })
    await expect.poll(sentBytes).toBeGreaterThan(0)
    expect(sentBytes()).toBeLessThan(fileBytes / 4)
  })

  it("by counting, where a host does not say how long it is; the hash comes with that", async () => {
    const { image } = await inspectFrom((_request, response) => {
      response.write(picture)
      response.end()
    })
    expect(image).toEqual({ ...seen, bytes: picture.length, sha256: sha256(picture) })
  })

  const lies: [what: string, status: number, range: string | undefined][] = [
    ["a part from its middle", 206, "bytes 5-65540/300000"],
    ["a part of a file that is shorter than the part", 206, "bytes 0-65535/10"],
    ["a part and no word of which", 206, undefined],
    ["a word that is no range", 206, "lines 1-2"],
    ["that the range lies behind its end", 416, "bytes */300000"],
    ["that, and no word of where its end is", 416, undefined],
  ]
  it.each(lies)("by all of it, where a host answers the range with %s", async (_what, status, range) => {
    const { image, ranges } = await inspectFrom((request, response) => {
      if (request.headers.range === undefined) return void response.end(picture)
      response.writeHead(status, range === undefined ? {} : { "content-range": range }).end(picture.subarray(0, 65_536))
    })
    expect(image).toEqual({ ...seen, bytes: picture.length, sha256: sha256(picture) })
    expect(ranges).toEqual(["bytes=0-65535", undefined])
  })

  it("by a longer part, where a host sends less than it was asked for", async () => {
    const { image, ranges } = await inspectFrom((request, response) => {
      const bytes = request.headers.range === "bytes=0-65535" ? 20 : 65_536
      const range = `bytes 0-${bytes - 1}/${picture.length}`
      response.writeHead(206, { "content-range": range }).end(picture.subarray(0, bytes))
    })
    expect(image).toEqual({ ...seen, bytes: picture.length })
    expect(ranges).toEqual(["bytes=0-65535", "bytes=0-1048575"])
  })

  it("again, when the host is busy, and under the same range where it redirects to", async () => {
    let asked = 0
    const { image, ranges } = await inspectFrom((request, response) => {
      if (asked++ === 0) return void response.writeHead(503).end()
      if (request.url === "/a.jpg") return void response.writeHead(302, { location: "/b.jpg" }).end()
      ranged(picture)(request, response)
    })
    expect(image).toEqual({ ...seen, bytes: picture.length })
    expect(ranges).toEqual(["bytes=0-65535", "bytes=0-65535", "bytes=0-65535"])
  })

  const failures: [what: string, listener: RequestListener, code: string][] = [
    ["a file of no bytes", (_q, r) => void r.writeHead(416, { "content-range": "bytes */0" }).end(), "empty_body"],
    ["404", (_q, r) => void r.writeHead(404).end(), "url_not_found"],
    ["403", (_q, r) => void r.writeHead(403).end(), "fetch_failed"],
    ["204", (_q, r) => void r.writeHead(204).end(), "fetch_failed"],
    ["a page", (_q, r) => void r.end("<!doctype html><p>Log in"), "unsupported_image"],
    [
      "too many bytes, and its header nowhere in them",
      (q, r) => ranged(Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(MAX_BYTES)]))(q, r),
      "image_too_large",
    ],
  ]
  it.each(failures)("and fails by name, when the host answers with %s", async (_what, listener, code) => {
    await expect(inspectFrom(listener)).rejects.toMatchObject({ name: "AppError", code })
  })

  it("and refused when it has too many pixels, or too long a side", async () => {
    const tooMany = inspectFrom(ranged(picture), { maxPixels: 900 * 600 - 1 })
    await expect(tooMany).rejects.toMatchObject({ code: "too_many_pixels" })
    const tooLong = inspectFrom(ranged(picture), { maxSidePx: 899 })
    await expect(tooLong).rejects.toMatchObject({ code: "side_too_long" })
  })
})

it.each([404, 500])("toFetchedPart() takes no part from an answer with %i", (status) => {
  expect(toFetchedPart({ status, headers: new Headers(), body: new Uint8Array(6), truncated: false })).toBeNull()
})

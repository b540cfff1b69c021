import { createHash, randomBytes } from "node:crypto"
import sharp from "sharp"
import { describe, expect, test } from "vitest"
import { type FetchedPart, inspectUrl } from "../../../../src/classifier/fetch/inspect-url.ts"

const noise = (width: number, height: number) =>
  sharp(randomBytes(width * height * 3), { raw: { width, height, channels: 3 } })
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

/** A server of one file, and what was asked of it. */
function serve(file: Uint8Array) {
  const asked: (number | "all")[] = []
  return {
    asked,
    async fetchStart(bytes: number): Promise<FetchedPart> {
      asked.push(bytes)
      const isWhole = bytes >= file.length
      return { bytes: isWhole ? file : file.subarray(0, bytes), isWhole, totalBytes: file.length }
    },
    async fetchAll(): Promise<Uint8Array> {
      asked.push("all")
      return file
    },
  }
}

/** A JPEG whose frame header stands behind so many bytes of notes. */
function withNotes(jpeg: Uint8Array, bytes: number): Uint8Array {
  const notes = Array.from({ length: Math.ceil(bytes / 60_000) }, () =>
    Buffer.concat([Buffer.from([0xff, 0xe2, 0xea, 0x62]), Buffer.alloc(60_000)]),
  )
  return Buffer.concat([jpeg.subarray(0, 2), ...notes, jpeg.subarray(2)])
}

describe("inspectUrl()", () => {
  test("reads the header alone of a large picture, and leaves out the hash that it cannot know", async () => {
    const file = await noise(400, 300).jpeg({ quality: 95 }).toBuffer()
    expect(file.length).toBeGreaterThan(65_536)
    const server = serve(file)
    const { header, ...rest } = await inspectUrl({ ...server, wantsHash: false })
    expect(header).toMatchObject({ format: "jpeg", width: 400, height: 300 })
    expect(rest).toEqual({ bytes: file.length })
    expect(server.asked).toEqual([65_536])
  })

  test("reads all of it for the hash", async () => {
    const file = await noise(400, 300).jpeg({ quality: 95 }).toBuffer()
    const server = serve(file)
    expect(await inspectUrl({ ...server, wantsHash: true })).toMatchObject({ bytes: file.length, sha256: sha256(file) })
    expect(server.asked).toEqual(["all"])
  })

  test("tells the hash of a small picture, since all of it came", async () => {
    const file = await noise(20, 10).png().toBuffer()
    const server = serve(file)
    expect(await inspectUrl({ ...server, wantsHash: false })).toMatchObject({
      sha256: sha256(file),
      bytes: file.length,
    })
    expect(server.asked).toEqual([65_536])
  })

  test.each([
    { notes: 100_000, asked: [65_536, 1_048_576] },
    { notes: 1_500_000, asked: [65_536, 1_048_576, "all"] },
  ])("looks behind $notes bytes of notes", async ({ notes, asked }) => {
    const server = serve(Buffer.concat([withNotes(await noise(30, 20).jpeg().toBuffer(), notes), Buffer.alloc(2e6)]))
    expect((await inspectUrl({ ...server, wantsHash: false })).header).toMatchObject({ width: 30, height: 20 })
    expect(server.asked).toEqual(asked)
  })

  test("gives up at once on what is no image, and after all of it on one that is damaged", async () => {
    const text = serve(Buffer.alloc(200_000, "no picture "))
    await expect(inspectUrl({ ...text, wantsHash: false })).rejects.toMatchObject({ code: "unsupported_image" })
    expect(text.asked).toEqual([65_536])
    const torn = serve(Buffer.concat([Buffer.from([0xff, 0xd8]), Buffer.alloc(200_000)]))
    await expect(inspectUrl({ ...torn, wantsHash: false })).rejects.toMatchObject({ code: "invalid_image" })
    await expect(inspectUrl({ ...serve(new Uint8Array()), wantsHash: false })).rejects.toMatchObject({
      code: "empty_body",
    })
  })

  test.each([
    { format: "gif", frames: 3 },
    { format: "webp", frames: 3 },
    { format: "tiff", frames: 3 },
  ] as const)("counts the frames of a $format to its end", async ({ format, frames }) => {
    const pictures = await Promise.all(Array.from({ length: frames }, () => noise(160, 160).png().toBuffer()))
    const file = await sharp(pictures, { join: { animated: true } })
      .toFormat(format, { quality: 100 })
      .toBuffer()
    expect(file.length).toBeGreaterThan(65_536)
    const server = serve(file)
    const { header } = await inspectUrl({ ...server, wantsHash: false })
    expect(header).toMatchObject({ format, frames })
    const last = server.asked.at(-1) ?? 0
    expect(last === "all" || last > file.length).toBe(true)
  })
})

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import type { Ticket } from "../../src/lib/tickets/ticket.ts"
import { withSecrets } from "../support/images/exif.ts"
import { startS3 } from "../support/servers/s3-server.ts"
import { runCli, type Stack, startStack } from "../support/stack/stack-harness.ts"

const folder = mkdtempSync(join(tmpdir(), "claimcheck-operations-"))
const noise = (width: number, height: number) =>
  sharp(Buffer.from(Array.from({ length: width * height * 3 }, (_value, i) => (i * i * 31 + i * 7) % 251)), {
    raw: { width, height, channels: 3 },
  })

let photo: Uint8Array<ArrayBuffer>
let stack: Stack

beforeAll(async () => {
  photo = new Uint8Array(withSecrets(await noise(400, 300).jpeg({ quality: 95 }).toBuffer(), { orientation: 6 }))
  stack = await startStack([])
  await stack.printed(/^ready /m)
}, 120_000)
afterAll(async () => {
  await stack.dispose()
  rmSync(folder, { recursive: true })
})

async function run(
  query: string,
  { url = stack.url, body = photo }: { url?: string; body?: Uint8Array<ArrayBuffer> } = {},
) {
  const headers = { prefer: "wait=30" }
  const response = await fetch(`${url}/v1/classifications?${query}`, { method: "POST", headers, body })
  return { status: response.status, ticket: (await response.json()) as Ticket & { code?: string; detail?: string } }
}

async function download({ output }: Ticket, url = stack.url): Promise<Buffer> {
  const response = await fetch(new URL(output?.url ?? "", url))
  expect([response.status, response.headers.get("content-type")]).toEqual([200, output?.content_type])
  return Buffer.from(await response.arrayBuffer())
}

describe("an operation through workerd, gateway, Redis and a lane", () => {
  test("inspect tells what the header says", async () => {
    const { status, ticket } = await run("operation=inspect")
    expect([status, ticket.status, ticket.operation, ticket.output, ticket.predictions]).toEqual([
      200,
      "succeeded",
      "inspect",
      undefined,
      undefined,
    ])
    expect(ticket.image).toMatchObject({ format: "jpeg", width: 300, height: 400, orientation: 6, bytes: photo.length })
    expect(ticket.image?.sha256).toMatch(/^[0-9a-f]{64}$/)
  })

  test("compress makes a smaller file without a place, upright, to be fetched in parts too", async () => {
    const { ticket } = await run("operation=compress&quality=40&format=webp")
    expect(ticket).toMatchObject({
      status: "succeeded",
      output: { content_type: "image/webp", width: 300, height: 400 },
    })
    const made = await download(ticket)
    expect([made.length, made.length < photo.length / 2]).toEqual([ticket.output?.bytes, true])
    expect(await sharp(made).metadata()).toMatchObject({ format: "webp", width: 300, height: 400 })
    expect(made.includes("SecretC")).toBe(false)
    const part = await fetch(new URL(ticket.output?.url ?? "", stack.url), { headers: { range: "bytes=0-3" } })
    expect([part.status, await part.text()]).toEqual([206, "RIFF"])
  })

  test("resize gives an image, and the same pixels as JSON and npy", async () => {
    expect(await sharp(await download((await run("operation=resize&width=60")).ticket)).metadata()).toMatchObject({
      format: "jpeg",
      width: 60,
      height: 80,
    })
    const json = await download((await run("operation=resize&width=8&height=4&fit=fill&format=json")).ticket)
    const npy = await download((await run("operation=resize&width=8&height=4&fit=fill&format=npy")).ticket)
    const rows = JSON.parse(json.toString()) as number[][][]
    expect([rows.length, rows[0]?.length, rows[0]?.[0]?.length]).toEqual([4, 8, 3])
    expect(npy.subarray(128)).toEqual(Buffer.from(rows.flat(2)))
  })

  test("the same upload again is an output of its own", async () => {
    const [first, second] = [await run("operation=compress"), await run("operation=compress")]
    expect(first.ticket.output?.url).not.toBe(second.ticket.output?.url)
    expect(await download(first.ticket)).toEqual(await download(second.ticket))
  })

  test("wrong options are 422 that name the option", async () => {
    for (const [query, says] of [
      ["operation=compress&quality=0", "quality: must be at least 1"],
      ["operation=compress&scale=2", "scale: must be at most 1"],
      ["operation=compress&format=png", "format: must be jpeg, webp or avif"],
      ["operation=compress&width=5", '"width" is no option of compress'],
      ["operation=resize", "width: must be given, or height"],
      ["operation=resize&width=99999", "width: must be at most 16384"],
      ["operation=resize&width=5&fit=stretch", "fit: must be cover, contain, fill or inside"],
      ["operation=resize&width=5&model=efficientnet_lite0", "model: resize uses none"],
      ["operation=shrink", "operation: must be one of"],
    ] as const) {
      const { status, ticket } = await run(query)
      expect([status, ticket.code, ticket.detail], query).toEqual([
        422,
        "invalid_options",
        expect.stringContaining(says),
      ])
    }
  })

  test("what cannot be made fails its ticket with a code", async () => {
    const torn = photo.slice(0, photo.length / 3)
    expect((await run("operation=compress", { body: torn })).ticket).toMatchObject({
      status: "failed",
      error: { code: "invalid_image" },
    })
    // What cannot be made of any picture is refused before there is a ticket.
    expect((await run("operation=resize&width=9000&height=9000&fit=fill")).ticket).toMatchObject({
      code: "too_many_pixels",
    })
    expect((await run("operation=resize&width=5000&height=5000&fit=fill&format=npy")).ticket).toMatchObject({
      code: "output_too_large",
    })
    expect((await run("operation=resize&width=3000&height=3000&fit=fill&format=npy")).ticket).toMatchObject({
      error: { code: "output_too_large" },
    })
  })
})

describe("claimcheck inspect, compress, resize", () => {
  const cli = (...args: string[]) => runCli(args, { ...stack.env, CLAIMCHECK_URL: stack.url, NO_COLOR: "1" })

  test("print what there is, and write results beside their inputs or into a folder", async () => {
    const file = join(folder, "photo.jpg")
    writeFileSync(file, photo)
    expect((await cli("inspect", file)).stdout).toMatch(
      /photo\.jpg {2}300×400 · jpeg · \d+(\.\d)? kB · orientation 6\n$/,
    )
    const made = await cli("compress", "--quality", "30", file)
    expect([made.code, made.stderr]).toEqual([0, ""])
    expect(made.stdout).toMatch(/photo-compressed\.jpg {2}300×400 · [\d.]+ kB \(\d+ %\)\n$/)
    expect(await sharp(join(folder, "photo-compressed.jpg")).metadata()).toMatchObject({ width: 300, height: 400 })
    const again = await cli("compress", "--quality", "1", file)
    expect([again.code, again.stderr]).toEqual([
      1,
      expect.stringContaining("it is there already; --force writes over it"),
    ])
    expect((await cli("compress", "--quality", "1", "--force", file)).code).toBe(0)
    const out = join(folder, "arrays")
    expect((await cli("resize", "--width", "8", "--height", "8", "--format", "npy", "--out", out, file)).code).toBe(0)
    expect(readFileSync(join(out, "photo.npy")).length).toBe(128 + 192)
  })

  test("tell failures where they happen, and write over no input", async () => {
    const file = join(folder, "photo.jpg")
    const before = readFileSync(file)
    const refused = await cli("compress", "--out", folder, file)
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("it is an input")])
    expect(readFileSync(file)).toEqual(before)
    mkdirSync(join(folder, "other"))
    writeFileSync(join(folder, "other/photo.png"), "not a picture")
    const both = await cli("compress", "--out", join(folder, "out"), file, file.replace("photo", "./photo"))
    expect([both.code, readdirSync(join(folder, "out")).sort()]).toEqual([0, ["photo-jpg.jpg", "photo.jpg"]])
    const torn = await cli("compress", join(folder, "other/photo.png"))
    expect([torn.code, readdirSync(join(folder, "other"))]).toEqual([1, ["photo.png"]])
    expect((await cli("compress", "--quality", "200", file)).stderr).toContain("quality: must be at most 100")
  })
})

describe("a stack that is told where outputs go", () => {
  test("stores them in its bucket before their tickets say so, and fails those that it cannot", async () => {
    const s3 = await startS3()
    const { accessKeyId, secretAccessKey, region } = s3.credentials
    const bucket = await startStack(["--edge", "node"], {
      OUTPUT_BUCKET_URL: s3.url,
      OUTPUT_BUCKET_KEY_ID: accessKeyId,
      OUTPUT_BUCKET_SECRET: secretAccessKey,
      OUTPUT_BUCKET_REGION: region,
    })
    try {
      await bucket.printed(/^ready /m)
      s3.faults.push("500", "reset")
      const { ticket } = await run("operation=compress", bucket)
      expect(ticket.output?.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/pictures\/[0-9a-z]{26}\.jpg\?X-Amz-/)
      expect(await download(ticket)).toEqual([...s3.objects.values()][0]?.bytes)
      s3.faults.push("500", "500", "500", "500")
      expect((await run("operation=compress", bucket)).ticket).toMatchObject({
        status: "failed",
        error: { code: "output_not_stored", message: "Cannot store the output in its bucket: HTTP 500 SlowDown" },
      })
      expect((await run("operation=compress", bucket)).ticket.status).toBe("succeeded")
    } finally {
      await bucket.dispose()
      await s3.close()
    }
  })

  test("says that an operation needs the native codec, and inspects without", async () => {
    const outputs = join(folder, "outputs")
    const portable = await startStack(["--edge", "node"], { CODEC: "portable", OUTPUT_DIR: outputs })
    try {
      await portable.printed(/^ready /m)
      expect((await run("operation=compress", portable)).ticket).toMatchObject({
        status: "failed",
        error: { code: "codec_missing", message: expect.stringContaining("native codec") },
      })
      expect((await run("operation=inspect", portable)).ticket.image).toMatchObject({ width: 300, height: 400 })
      expect(existsSync(outputs)).toBe(false)
    } finally {
      await portable.dispose()
    }
  })
})

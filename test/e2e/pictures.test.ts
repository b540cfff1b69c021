import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { readSample, SAMPLES } from "../support/images/samples.ts"
import { type Stack, startStack } from "../support/stack/stack-harness.ts"

const SHARED = fileURLToPath(new URL("../../../shared", import.meta.url))
const isHere = existsSync(join(SHARED, "images"))
const MODELS = ["efficientnet_lite0", "mobilenet_v2"]

let stack: Stack

beforeAll(async () => {
  stack = await startStack([], { CLAIMCHECK_MODELS: isHere ? join(SHARED, "models") : "" })
  await stack.printed(/^ready /m)
}, 120_000)
afterAll(() => stack.dispose())

const read = (path: string) => new Uint8Array(readFileSync(join(SHARED, "images", path)))

async function classify(image: Uint8Array<ArrayBuffer>, query = "") {
  const response = await fetch(`${stack.url}/v1/classifications${query}`, {
    method: "POST",
    headers: { prefer: "wait=30", "cache-control": "no-cache" },
    body: image,
  })
  const body = (await response.json()) as {
    status?: unknown
    code?: string
    predictions?: { label: string }[]
    error?: { code: string }
  }
  return { http: response.status, code: body.code ?? body.error?.code, first: body.predictions?.[0]?.label }
}

describe("a picture through workerd, gateway, Redis and a lane", () => {
  test.each(SAMPLES)("$name is named rightly by the embedded model", async ({ name, label }) => {
    expect((await classify(readSample(name))).first).toBe(label)
  })
})

describe.skipIf(!isHere)("the pictures and models of ../shared (skipped without them)", () => {
  test("the castle comes back as one, from the embedded model and from one that a user brings", async () => {
    expect((await classify(read("castle.jpg"))).first).toMatch(/^(castle|church|monastery)$/)
    expect((await classify(read("castle.jpg"), "?model=mobilenet_v2")).first).toBe("castle")
  })

  test.each(MODELS)("%s names at least 20 of 25 labelled pictures first", async (model) => {
    const names = readdirSync(join(SHARED, "images/imagenet"))
    let right = 0
    for (const name of names) {
      const wanted = basename(name, ".JPEG")
        .replace(/^n\d+_/, "")
        .replaceAll("_", " ")
        .toLowerCase()
      const { first = "" } = await classify(read(`imagenet/${name}`), `?model=${model}`)
      if (first.toLowerCase().includes(wanted)) right++
    }
    expect(names).toHaveLength(25)
    expect(right).toBeGreaterThanOrEqual(20)
  })
})

describe("what is no picture", () => {
  test("gets a code, and the next picture is answered", async () => {
    const noise = crypto.getRandomValues(new Uint8Array(65_536))
    const large = new Uint8Array(20_000_000)
    for (let at = 0; at < large.length; at += noise.length) large.set(noise.subarray(0, large.length - at), at)
    expect(await classify(new TextEncoder().encode("not a picture"))).toMatchObject({
      http: 415,
      code: "unsupported_image",
    })
    expect(await classify(new Uint8Array())).toMatchObject({ http: 400, code: "empty_body" })
    expect(await classify(large)).toMatchObject({ http: 413, code: "image_too_large" })
    expect(await classify(hugeJpeg())).toMatchObject({ http: 422, code: "too_many_pixels" })
    expect(await classify(truncatedJpeg())).toMatchObject({ http: 200, code: "invalid_image" })
    expect((await classify(readSample("balloon"))).first).toBe("balloon")
  })
})

/** A header that claims 65,500 × 65,500 pixels. */
function hugeJpeg(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0xff, 0xdc, 0xff, 0xdc, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1,
  ])
}

/** A sound header, and nothing behind it. */
function truncatedJpeg(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([0xff, 0xd8, 0xff, 0xc0, 0, 17, 8, 0, 64, 0, 64, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1])
}

import { existsSync, readdirSync, readFileSync } from "node:fs"
import { basename, join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
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

async function predict(image: Uint8Array<ArrayBuffer>, name: string, headers: Record<string, string> = {}) {
  const form = new FormData()
  form.append("image", new Blob([image]), name)
  const response = await fetch(`${stack.url}/predict`, { method: "POST", headers, body: form })
  return (await response.json()) as { success: boolean; predictions?: { label: string; probability: number }[] }
}

describe.skipIf(!isHere)("a picture through workerd, gateway, Redis and a lane (skipped without ../shared)", () => {
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

  test.each([
    // The tutorial's client says nothing of a cache, so most of its answers are known.
    { requests: 500, everyMs: 50, how: "as the tutorial's client sends them", headers: undefined },
    { requests: 100, everyMs: 150, how: "each inferred anew", headers: { "cache-control": "no-cache" } },
  ])("$requests requests to /predict, one every $everyMs ms, are all answered: $how", async (load) => {
    const pictures = ["jemma.png", "castle.jpg", "hot_dog.jpg", "parrot.jpg"].map((name) => ({
      name,
      bytes: read(name),
    }))
    const answers: ReturnType<typeof predict>[] = []
    for (let i = 0; i < load.requests; i++) {
      const { name, bytes } = pictures[i % pictures.length] ?? { name: "", bytes: new Uint8Array() }
      answers.push(predict(bytes, name, load.headers))
      await delay(load.everyMs)
    }
    const answered = (await Promise.all(answers)).filter(
      ({ success, predictions }) => success && predictions?.length === 5,
    )
    expect(answered).toHaveLength(load.requests)
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
    if (isHere) expect((await classify(read("castle.jpg"))).first).toBeDefined()
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

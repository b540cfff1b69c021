import { afterEach, describe, expect, it, vi } from "vitest"
import { RequestBody } from "../../../../src/edge/http/request-body.ts"
import { HeldWaits, MAX_HELD_PER_CALLER } from "../../../../src/edge/limits/held-waits.ts"
import { ReadRates } from "../../../../src/edge/limits/read-rates.ts"
import { ResetTimes } from "../../../../src/edge/limits/reset-times.ts"
import { SubmitRates } from "../../../../src/edge/limits/submit-rates.ts"
import { parseJsonUpload } from "../../../../src/edge/uploads/read-json-upload.ts"
import { readUpload } from "../../../../src/edge/uploads/read-upload.ts"
import { AppError } from "../../../../src/lib/app-error.ts"
import { addressCaller } from "../../../../src/lib/callers/caller-id.ts"
import { sleep } from "../../../../src/lib/sleep.ts"

afterEach(() => void vi.restoreAllMocks())

const codeOf = (work: () => unknown) => {
  try {
    work()
    return "done"
  } catch (error) {
    return error instanceof AppError ? error.code : error
  }
}

describe("an upload's JSON", () => {
  const read = (text: string) => parseJsonUpload(new TextEncoder().encode(text), 8_000_000)
  const keys = (count: number) => Array.from({ length: count }, (_v, i) => `"k${i}":1`).join(",")

  it.each([
    ["a thousand fields", `{${keys(1_000)}}`],
    ["a thousand levels", `{"image":${"[".repeat(1_000)}`],
    ["a thousand objects", `{"image":${'{"a":'.repeat(1_000)}`],
    ["fields behind a text that ends with a backslash", `{"image":"\\\\",${keys(1_000)}}`],
  ])("with %s is refused before it is parsed", (_what, text) => {
    const parse = vi.spyOn(JSON, "parse")
    expect(codeOf(() => read(text))).toBe("bad_request")
    expect(parse).not.toHaveBeenCalled()
  })

  it("may hold any text in its fields", () => {
    const url = `data:,${',[{\\"'.repeat(1_000)}`
    expect(read(`{"image":"${url}","top_k":3}`).options).toEqual({ top_k: "3" })
  })
})

const upload = (init: RequestInit, query = "") => {
  const request = new Request(`https://edge.example/${query}`, { method: "POST", ...init })
  const rules = { now: Date.now, sleep, minBytesPerS: () => 0, BODY_TIMEOUT_MS: 60_000, hold: () => undefined }
  return readUpload(new RequestBody(request, rules), 8_000_000)
}

describe("what was meant as a picture", () => {
  const AS_JSON = `curl -d '{"image_url": "https://…"}'`
  const jpeg = String.fromCharCode(0xff, 0xd8, 0xff, 0xe0, 0, 10, 1)
  const url = "https://a.example/cat.jpg"
  const form = (fields: Record<string, string | File>) => {
    const body = new FormData()
    for (const [name, value] of Object.entries(fields)) body.set(name, value)
    return upload({ body })
  }
  const raw = (body: string, type = "application/x-www-form-urlencoded") =>
    upload({ body: Uint8Array.from(body, (char) => char.charCodeAt(0)), headers: { "content-type": type } })

  it.each([
    ["-F image_url=URL", () => form({ image_url: url }), AS_JSON],
    ["-F image_url=URL -F image=@FILE", () => form({ image_url: url, image: new File(["x"], "x") }), "not both"],
    ["-F image=URL", () => form({ image: url }), AS_JSON],
    ["-F image=photo.jpg", () => form({ image: "photo.jpg" }), "put @ before the file's name"],
    ["-F image=<data-url.txt", () => form({ image: "data:image/png;base64,iVBO" }), '{"image": "data:…"}'],
    ["-F image=<base64.txt", () => form({ image: "/9j/4AAQSkZJ" }), '{"image": "data:image/jpeg;base64,…"}'],
    ["-d image_url=URL", () => raw(`image_url=${url}`), AS_JSON],
    ["-d URL", () => raw(url), AS_JSON],
    ["--data-binary @url.txt of another type", () => raw(`${url}\n`, "text/plain"), AS_JSON],
    ["-d @base64.txt", () => raw("iVBORw0KGgoAAAANSUhEUg=="), '{"image": "data:image/jpeg;base64,…"}'],
    ["-d @photo.jpg", () => raw(jpeg.replaceAll("\0", "").replaceAll("\n", "")), "use --data-binary @FILE"],
    ["?image_url=URL", () => upload({ body: "" }, `?image_url=${url}`), AS_JSON],
    [
      "bare base64 in JSON",
      () => raw('{"image": "/9j/4AAQSkZJ"}', "application/json"),
      '{"image": "data:image/jpeg;base64,…"}',
    ],
    ["--data-urlencode image=BASE64", () => raw(`image=${encodeURIComponent("/9j/4AAQSkZJ")}`), "image/jpeg;base64,"],
    [
      "a JPEG as application/json",
      () => raw(`${jpeg}${"[".repeat(300)}`, "application/json"),
      "content-type image/jpeg",
    ],
    ["a URL in JSON's `image`", () => raw(`{"image": "${url}"}`, "application/json"), AS_JSON],
  ])("%s is told the right call", async (_what, send, advice) => {
    await expect(send()).rejects.toMatchObject({ message: expect.stringContaining(advice) })
  })

  it("is no reason to speak of `curl -d` to whoever sent something else with --data-binary", async () => {
    expect(await raw("no picture, one line")).toMatchObject({ options: {} })
    expect(await raw(jpeg)).toMatchObject({ options: {} })
  })
})

describe("an upload's form", () => {
  const form = (fields: number) => {
    const data = new FormData()
    for (let i = 1; i < fields; i++) data.append(`f${i}`, "1")
    data.append("image", new File([new Uint8Array(1_000).fill(10)], "a.png"))
    return upload({ body: data })
  }

  it("of 64 fields is read, and one of more is refused", async () => {
    expect(Object.keys((await form(64)).options)).toHaveLength(63)
    await expect(form(65)).rejects.toMatchObject({ code: "bad_request", message: expect.stringContaining("64 fields") })
  })
})

describe("what is sent twice or encoded", () => {
  const formOf = (...fields: [string, string | File][]) => {
    const body = new FormData()
    for (const [name, value] of fields) body.append(name, value)
    return body
  }
  const picture = new File(["x"], "x.png")

  it("is refused where one of two would be lost in silence", async () => {
    const send = (query: string, ...fields: [string, string | File][]) =>
      upload({ body: formOf(["image", picture], ...fields) }, query)
    const twice = { code: "invalid_options", message: 'Cannot accept options: "top_k" has two values: send it once' }
    await expect(send("", ["image", picture])).rejects.toMatchObject({ code: "bad_request" })
    await expect(send("", ["file", picture])).rejects.toMatchObject({ code: "bad_request" })
    await expect(send("?top_k=1", ["top_k", "3"])).rejects.toMatchObject(twice)
    await expect(send("", ["top_k", "1"], ["top_k", "3"])).rejects.toMatchObject(twice)
    await expect(upload({ body: "x" }, "?top_k=1&top_k=3")).rejects.toMatchObject(twice)
    const json = { body: '{"image":"data:,x","top_k":3}', headers: { "content-type": "application/json" } }
    await expect(upload(json, "?top_k=1")).rejects.toMatchObject(twice)
    expect(await send("?top_k=3", ["top_k", "3"])).toMatchObject({ options: { top_k: "3" } })
  })

  it("is refused by its Content-Encoding, which nobody here decodes", async () => {
    const send = (encoding: string) => upload({ body: "x", headers: { "content-encoding": encoding } })
    await expect(send("gzip")).rejects.toMatchObject({ code: "unsupported_encoding" })
    expect(await send("identity")).toMatchObject({ options: {} })
  })
})

describe("what an isolate remembers of rates", () => {
  it("forgets who is unused again, then who was charged longest ago, and nobody else", () => {
    let nowMs = 10_000
    const times = new ResetTimes(() => nowMs, 3)
    for (const [id, resetMs] of [
      ["a", 99_000],
      ["b", 10_500],
      ["c", 99_000],
    ] as const)
      times.set(id, resetMs)
    nowMs = 11_000
    times.set("d", 99_000)
    expect([..."abcd"].map((id) => times.get(id) !== undefined)).toEqual([true, false, true, true])
    times.set("a", 99_500)
    times.set("e", 99_000)
    expect([..."acde"].map((id) => times.get(id) !== undefined)).toEqual([true, false, true, true])
  })

  it("is not forgotten for a /48 because many callers come", () => {
    const limit = { count: 1, windowMs: 3_600_000 }
    const [reads, submits] = [new ReadRates(limit, () => 0), new SubmitRates(() => 0)]
    const callers = (prefix: number, count: number) =>
      Array.from({ length: count }, (_v, i) =>
        addressCaller(`2001:${prefix.toString(16)}:${i >> 8}:${(i & 255) << 8}::1`),
      )
    const callerOf = (id: string) => ({ id, weight: 1, rateLimit: limit })
    const [own = "", ...others] = callers(1, 9)
    const use = (id: string) => [codeOf(() => reads.charge(id)), codeOf(() => submits.chargePrefix48(callerOf(id)))]
    for (const id of others) use(id)
    expect(use(own)).toEqual(["rate_limited", "rate_limited"])
    for (let i = 0; i < 12_000; i++) {
      const id = addressCaller(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)
      reads.charge(id)
      submits.noteRefused(callerOf(id))
    }
    expect(use(own)).toEqual(["rate_limited", "rate_limited"])
  })

  it("counts the work of a /48, not its submits", () => {
    const submits = new SubmitRates(() => 0)
    const caller = { id: addressCaller("2001:db8:1:2::3"), weight: 1, rateLimit: { count: 10, windowMs: 60_000 } }
    submits.chargePrefix48(caller, 0)
    for (let i = 0; i < 8; i++) submits.chargePrefix48(caller, 10)
    expect(codeOf(() => submits.chargePrefix48(caller, 1))).toBe("rate_limited")
  })
})

describe("HeldWaits", () => {
  it("holds eight times as many for a /48 as for one of its callers, until they end", async () => {
    const waits = new HeldWaits(() => 0)
    let end: () => void = () => undefined
    const ended = new Promise<void>((resolve) => {
      end = resolve
    })
    const held: number[] = []
    const all = Array.from({ length: 1_000 }, (_v, i) =>
      waits.hold(addressCaller(`2001:db8:1:${(i % 10).toString(16)}00::1`), 1_000, async (waitMs) => {
        if (waitMs > 0) held.push(i)
        await ended
      }),
    )
    expect(held).toHaveLength(8 * MAX_HELD_PER_CALLER)
    end()
    await Promise.all(all)
    expect(await waits.hold(addressCaller("2001:db8:1:100::1"), 1_000, async (waitMs) => waitMs)).toBe(1_000)
  })
})

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, describe, expect, test } from "vitest"
import { createApi } from "../../src/cli/api.ts"
import { classifyFile } from "../../src/cli/classify.ts"
import { nextPollMs, retryAfterMs } from "../../src/cli/next-poll.ts"
import { bar, renderPredictions } from "../../src/cli/prediction-table.ts"
import { sniffContentType } from "../../src/cli/read-image-file.ts"
import { plain } from "../../src/cli/terminal.ts"
import { renderTable } from "../../src/cli/text-table.ts"

const folder = mkdtempSync(join(tmpdir(), "claimcheck-"))
const photo = join(folder, "photo.jpg")
writeFileSync(photo, Buffer.from([0xff, 0xd8, 0xff, 0xe0]))
afterAll(() => rmSync(folder, { recursive: true }))

const queued = { id: "cls_1", status: "queued", done: false }
const succeeded = {
  id: "cls_1",
  status: "succeeded",
  done: true,
  model: { id: "m", version: "1" },
  image: { format: "jpeg", width: 4, height: 2 },
  timings_ms: { total: 41.6 },
  predictions: [
    { label: "castle", probability: 0.5, class_index: 1 },
    { label: "a church", probability: 0.0625, class_index: 2 },
  ],
}

type Reply = { status?: number; headers?: Record<string, string>; body: unknown } | Error

/** An edge that gives these answers in turn, and a clock that only sleeping moves. */
function scripted(...replies: Reply[]) {
  const requests: string[] = []
  const slept: number[] = []
  const fetchNow = async (input: unknown, init?: RequestInit) => {
    requests.push(`${init?.method ?? "GET"} ${String(input)}`)
    const reply = replies.shift()
    if (reply === undefined) throw new Error("one request too many")
    if (reply instanceof Error) throw reply
    const { status = 200, headers, body } = reply
    const type = status >= 400 ? "application/problem+json" : "application/json"
    return new Response(JSON.stringify(body), { status, headers: { "content-type": type, ...headers } })
  }
  const options = {
    signal: new AbortController().signal,
    sleep: async (ms: number) => void slept.push(ms),
    random: () => 0.5,
    now: () => slept.reduce((sum, ms) => sum + ms, 0),
  }
  return { call: createApi({ url: "http://edge.test/" }, fetchNow as typeof fetch), options, requests, slept }
}

describe("classifyFile()", () => {
  test("uploads, then polls at the pace the server names until done", async () => {
    const edge = scripted(
      { status: 202, headers: { "poll-after-ms": "100" }, body: { ...queued, poll_after_ms: 900 } },
      { body: { ...queued, status: "a status of the future", poll_after_ms: 200 } },
      { body: succeeded },
    )
    const ticket = await classifyFile(edge.call, photo, { ...edge.options, model: "m", topK: 2 })
    expect(ticket).toMatchObject(succeeded)
    expect(edge.requests).toEqual([
      "POST http://edge.test/v1/classifications?model=m&top_k=2",
      "GET http://edge.test/v1/classifications/cls_1",
      "GET http://edge.test/v1/classifications/cls_1",
    ])
    expect(edge.slept.map(Math.round)).toEqual([105, 210])
  })

  test("polls nothing when the answer is there at once", async () => {
    const edge = scripted({ body: succeeded })
    await classifyFile(edge.call, photo, edge.options)
    expect(edge.slept).toEqual([])
  })

  test("comes back to a full queue when it says, and to a broken poll after a while", async () => {
    const edge = scripted(
      { status: 503, headers: { "retry-after": "2" }, body: { code: "queue_full", detail: "The queue is full" } },
      { status: 202, body: queued },
      new TypeError("fetch failed", { cause: Object.assign(new Error("reset"), { code: "ECONNRESET" }) }),
      { status: 500, body: {} },
      { body: succeeded },
    )
    expect((await classifyFile(edge.call, photo, edge.options)).status).toBe("succeeded")
    expect(edge.slept.map(Math.round)).toEqual([2100, 50, 100, 200])
  })

  test("tells what the problem says, with its code, and does not send it again", async () => {
    const edge = scripted({ status: 415, body: { code: "unsupported_image", title: "No", detail: "It is a text" } })
    await expect(classifyFile(edge.call, photo, edge.options)).rejects.toThrow("It is a text (unsupported_image)")
    expect(edge.requests).toHaveLength(1)
  })

  test("fails with the reason of a failed job", async () => {
    const error = { code: "invalid_image", message: "The image is damaged" }
    const edge = scripted({ status: 202, body: { ...queued, status: "failed", done: true, error } })
    await expect(classifyFile(edge.call, photo, edge.options)).rejects.toThrow("The image is damaged (invalid_image)")
  })

  test("gives up on a ticket that is never done", async () => {
    const endless = Array.from({ length: 20 }, () => ({ body: { ...queued, poll_after_ms: 60_000 } }))
    const edge = scripted({ status: 202, body: queued }, ...endless)
    await expect(classifyFile(edge.call, photo, edge.options)).rejects.toThrow("Gave up on cls_1 after 600 s")
  })

  test.each([
    ["ECONNREFUSED", "Is `npm start` running?"],
    ["ENOTFOUND", "Check --url"],
    ["EPIPE", "the connection failed (EPIPE)"],
  ])("says what to do about %s", async (code, advice) => {
    const edge = scripted(new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) }))
    await expect(classifyFile(edge.call, photo, edge.options)).rejects.toThrow(advice)
  })

  test("says what is wrong with a file before it calls anybody", async () => {
    const edge = scripted()
    await expect(classifyFile(edge.call, join(folder, "none.jpg"), edge.options)).rejects.toThrow(
      "there is no such file",
    )
    await expect(classifyFile(edge.call, folder, edge.options)).rejects.toThrow("it is a folder")
    expect(edge.requests).toEqual([])
  })

  test("notices that another server answers", async () => {
    const edge = scripted({ body: { hello: "world" } })
    await expect(classifyFile(edge.call, photo, edge.options)).rejects.toThrow("is a claimcheck edge at that address?")
  })
})

describe("nextPollMs()", () => {
  test("is full-jitter backoff without a hint", () => {
    const waits = [0, 1, 5, 6, 20].map((attempt) => nextPollMs({ attempt, hintMs: null, random: () => 1 }))
    expect(waits).toEqual([100, 200, 3200, 5000, 5000])
  })

  test("keeps a hint between a hundredth of a second and a minute", () => {
    expect(nextPollMs({ attempt: 3, hintMs: 0, random: () => 0 })).toBe(10)
    expect(nextPollMs({ attempt: 3, hintMs: 1e9, random: () => 0 })).toBe(60_000)
  })
})

describe("retryAfterMs()", () => {
  test.each([
    ["3", 3000],
    ["Thu, 01 Jan 1970 00:00:05 GMT", 4000],
    ["Thu, 01 Jan 1970 00:00:00 GMT", 0],
    ["soon", null],
  ])("reads %s", (value, ms) => expect(retryAfterMs(new Headers({ "retry-after": value }), 1000)).toBe(ms))
})

describe("renderPredictions()", () => {
  test("draws a bar to an eighth of a column", () => {
    expect([bar(0, 4), bar(1 / 32, 4), bar(0.5, 4), bar(1, 4), bar(7, 4)]).toEqual(["", "▏", "██", "████", "████"])
  })

  test("lines up labels, bars and percent", () => {
    expect(renderPredictions("photo.jpg", succeeded, { paint: plain, columns: 29 })).toBe(
      ["photo.jpg  4×2 jpeg · m · 42 ms", "  castle    ████       50.0%", "  a church  ▌           6.3%"].join("\n"),
    )
  })
})

test("renderTable() makes columns as wide as their widest cell", () => {
  expect(
    renderTable(
      [
        ["id", "n"],
        ["longer", "1"],
      ],
      plain,
    ),
  ).toBe("id      n\nlonger  1")
})

test("sniffContentType() tells an image by its first bytes", () => {
  expect(sniffContentType(new Uint8Array([0xff, 0xd8, 0xff]))).toBe("image/jpeg")
  expect(sniffContentType(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]))).toBe("image/png")
  expect(sniffContentType(new TextEncoder().encode("hello"))).toBe("application/octet-stream")
})

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import sharp from "sharp"
import { afterAll, describe, expect, test } from "vitest"
import { openClient } from "../../../../src/cli/api/edge-client.ts"
import { sayTrouble } from "../../../../src/cli/api/say-waits.ts"
import {
  type ClassifyOptions,
  classifyFiles,
  type Listener,
  type Outcome,
} from "../../../../src/cli/classify/classify-files.ts"
import { runInOrder } from "../../../../src/cli/classify/run-in-order.ts"
import { shrinkPicture } from "../../../../src/cli/classify/shrink-picture.ts"
import { interruptedWords, summary } from "../../../../src/cli/classify/work-on-files.ts"
import { CliError } from "../../../../src/cli/cli-error.ts"
import { expandInputs } from "../../../../src/cli/files/expand-inputs.ts"
import { fileNameOf } from "../../../../src/cli/files/picture-url.ts"
import { parseCount, parseDurationMs, parseProbability } from "../../../../src/cli/parse-option.ts"
import { countOf, humanBytes, humanMs } from "../../../../src/cli/terminal/human-units.ts"
import { bar, renderPredictions } from "../../../../src/cli/terminal/prediction-table.ts"
import { progressNote } from "../../../../src/cli/terminal/progress-note.ts"
import { plain } from "../../../../src/cli/terminal/terminal.ts"
import { renderTable } from "../../../../src/cli/terminal/text-table.ts"
import { webhookTrouble } from "../../../../src/cli/webhook/webhook-trouble.ts"
import type { TicketData } from "../../../../src/lib/client/claimcheck.ts"
import { sniffContentType } from "../../../../src/lib/images/image-header.ts"

const folder = mkdtempSync(join(tmpdir(), "claimcheck-"))
const photo = join(folder, "photo.jpg")
writeFileSync(photo, Buffer.from([0xff, 0xd8, 0xff, 0xe0]))
afterAll(() => rmSync(folder, { recursive: true }))

const url = "http://edge.test"
const queued = { id: "cls_1", status: "queued", done: false, queue: { position: 0, eta_ms: null, classifiers: 0 } }
const succeeded = {
  id: "cls_1",
  status: "succeeded",
  done: true,
  created_at: "2026-01-01T00:00:00.000Z",
  attempts: 1,
  operation: "classify",
  model: { id: "m", version: "1" },
  image: { format: "jpeg", width: 4, height: 2, bytes: 4, sha256: "", orientation: 1 },
  timings_ms: { queued: 1, total: 41.6 },
  predictions: [
    { label: "castle", probability: 0.5, class_index: 1 },
    { label: "a church", probability: 0.0625, class_index: 2 },
  ],
} satisfies TicketData

type Answer = { status?: number; body: unknown } | Error

/** An edge that is well and gives these answers in turn. */
function scripted(...answers: Answer[]) {
  const requests: string[] = []
  const bodies: unknown[] = []
  const fetchNow = (async (input: unknown, init: RequestInit = {}) => {
    if (String(input).endsWith("/healthz")) return Response.json({ status: "ok" })
    requests.push(
      `${init.method ?? "GET"} ${String(input)} ${new Headers(init.headers).get("cache-control") ?? ""}`.trim(),
    )
    bodies.push(init.body)
    const answer = answers.shift()
    if (answer === undefined) throw new Error("one request too many")
    if (answer instanceof Error) throw answer
    return Response.json(answer.body, { status: answer.status ?? 200 })
  }) as typeof fetch
  return { fetchNow, requests, bodies }
}

const signal = new AbortController().signal
const silent = {
  tell: () => undefined,
  done: () => undefined,
  accepted: () => undefined,
  seen: () => undefined,
  shrunk: () => undefined,
}

async function classify(edge: ReturnType<typeof scripted>, files: string[], options: Partial<ClassifyOptions> = {}) {
  const outcomes: Outcome[] = []
  const client = await openClient({ url }, { signal, fetchNow: edge.fetchNow })
  const tell = (outcome: Outcome) => void outcomes.push(outcome)
  await classifyFiles(client, files, { url, signal, concurrency: 1, ...options }, { ...silent, tell })
  return outcomes
}

async function failureOf(answer: Answer): Promise<string> {
  const [outcome] = await classify(scripted(answer), [photo])
  return outcome !== undefined && "error" in outcome ? outcome.error.message : "no failure"
}

describe("classifyFiles()", () => {
  test("uploads a file with its options and gives the ticket", async () => {
    const edge = scripted({ body: succeeded })
    const options = { submit: { model: "m", topK: 2, noCache: true, webhookUrl: "http://h/?a=b" } }
    expect(await classify(edge, [photo], options)).toEqual([{ file: photo, ticket: succeeded }])
    expect(edge.requests).toEqual([
      "POST http://edge.test/v1/classifications?model=m&top_k=2&webhook_url=http%3A%2F%2Fh%2F%3Fa%3Db no-cache",
    ])
  })

  test("names a URL to the edge as it was written, and reads nothing", async () => {
    const edge = scripted({ body: succeeded })
    const file = "HTTPS://example.com/a%20b.jpg?size=*"
    expect(await classify(edge, [file], { submit: { threshold: 0.25, lang: "de" } })).toEqual([
      { file, ticket: succeeded },
    ])
    expect(edge.requests).toEqual(["POST http://edge.test/v1/classifications?threshold=0.25&lang=de"])
    expect(edge.bodies).toEqual([JSON.stringify({ image_url: file })])
  })

  test("goes on with the other files after one that failed, and uploads nothing that it cannot read", async () => {
    const edge = scripted(
      { status: 415, body: { code: "unsupported_image", detail: "It is a text" } },
      { body: succeeded },
    )
    const outcomes = await classify(edge, [join(folder, "none.jpg"), photo, photo])
    expect(outcomes.map((outcome) => ("error" in outcome ? outcome.error.message : outcome.ticket.status))).toEqual([
      `Cannot read ${join(folder, "none.jpg")}: there is no such file`,
      "It is a text (unsupported_image)",
      "succeeded",
    ])
  })

  test("a picture that is too large is sent as a smaller, upright copy with --shrink, and without is told of it", async () => {
    const large = join(folder, "large.png")
    await sharp({ create: { width: 1_600, height: 900, channels: 3, background: "red" } })
      .withMetadata({ orientation: 6 })
      .toFile(large)
    const refusal = { status: 413, body: { code: "image_too_large", detail: "It has 9 MB" } }
    const [told] = await classify(scripted(refusal), [large])
    expect(told).toMatchObject({
      error: { code: "image_too_large", message: "It has 9 MB (image_too_large); --shrink sends a smaller copy" },
    })
    const edge = scripted(refusal, { body: succeeded })
    const copies: unknown[] = []
    const client = await openClient({ url }, { signal, fetchNow: edge.fetchNow })
    const options = { url, signal, concurrency: 1, submit: { shrink: shrinkPicture } }
    await classifyFiles(client, [large], options, { ...silent, shrunk: (file, copy) => void copies.push([file, copy]) })
    const sent = edge.bodies[1] as Blob
    const { format, width, height, orientation } = await sharp(await sent.arrayBuffer()).metadata()
    expect({ format, width, height, orientation }).toEqual({ format: "jpeg", width: 576, height: 1_024 })
    expect(copies).toEqual([[large, { bytes: (edge.bodies[0] as Blob).size, sentBytes: sent.size }]])
  })

  test("codes of what failed here are ours, not the system's", async () => {
    const gone = new TypeError("fetch failed", { cause: Object.assign(new Error(""), { code: "ECONNREFUSED" }) })
    const outcomes = await classify(scripted(gone), [join(folder, "none.jpg"), photo])
    expect(outcomes.map((outcome) => "error" in outcome && outcome.error.code)).toEqual(["unreadable", "network"])
  })

  test("says which file has which ticket, and each state of it that is seen", async () => {
    const later = { ...queued, queue: { ...queued.queue, notice: "No classifier serves m now" }, poll_after_ms: 1 }
    const edge = scripted({ status: 202, body: { ...queued, poll_after_ms: 1 } }, { body: later }, { body: succeeded })
    const client = await openClient({ url }, { signal, fetchNow: edge.fetchNow })
    const said: unknown[] = []
    const accepted: Listener["accepted"] = (file, id) => void said.push([file, id])
    const seen: Listener["seen"] = ({ status, queue }) => void said.push([status, queue?.notice])
    await classifyFiles(client, [photo], { url, signal, concurrency: 1 }, { ...silent, accepted, seen })
    expect(said).toEqual([
      [photo, "cls_1"],
      ["queued", undefined],
      ["queued", later.queue.notice],
      ["succeeded", undefined],
    ])
  })

  test("a file whose ticket is out of reach says how to come back to it", async () => {
    const edge = scripted({ status: 202, body: { ...queued, operation: "classify", poll_after_ms: 1 } })
    const gone = {
      ...edge,
      fetchNow: ((input, init) => {
        if (edge.requests.length > 0)
          return Promise.resolve(
            Response.json({ code: "redis_down" }, { status: 503, headers: { "retry-after": "1000" } }),
          )
        return edge.fetchNow(input, init)
      }) as typeof fetch,
    }
    const [outcome] = await classify(gone, [photo])
    expect(outcome).toMatchObject({
      error: { message: expect.stringContaining("claimcheck ticket --wait --url http://edge.test cls_1") },
    })
  })

  test("says once that the server is away or puts requests off, and that it is back", async () => {
    const said: string[] = []
    const limited = { code: "rate_limited", detail: "You are over your rate limit" }
    const lost = new TypeError("fetch failed")
    const edge = scripted(
      lost,
      lost,
      lost,
      { body: {} },
      { status: 429, body: limited },
      { status: 429, body: limited },
    )
    const send = sayTrouble(edge.fetchNow, url, (line) => said.push(line))
    for (let i = 0; i < 6; i++) await send(url).catch(() => undefined)
    expect(said).toEqual([
      "waiting http://edge.test cannot be reached: it is tried again for about two minutes",
      "going on http://edge.test answers again",
      "slowed You are over your rate limit (rate_limited): requests are repeated when the server allows it",
    ])
  })

  test.each([
    [{ status: 422, body: { code: "unknown_model", detail: "No such model" } }, "No such model (unknown_model)"],
    [
      { status: 401, body: { code: "unauthorized", detail: "Unknown key" } },
      /Unknown key\. .* --key or CLAIMCHECK_KEY/,
    ],
    [{ body: { ...queued, status: "canceled", done: true } }, "The ticket is canceled (canceled)"],
  ])("makes a sentence of %j", async (answer, said) => {
    expect(await failureOf(answer)).toMatch(said)
  })
})

describe("openClient()", () => {
  const open = (fetchNow: () => Promise<Response>, address = { url }) =>
    openClient(address, { signal, fetchNow: fetchNow as typeof fetch })

  test.each([
    ["ECONNREFUSED", "Is `npm start` running?"],
    ["ENOTFOUND", "Check --url"],
    ["EPIPE", "the connection failed (EPIPE)"],
  ])("says at once what to do about %s", async (code, advice) => {
    const refused = async () => {
      throw new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) })
    }
    await expect(open(refused)).rejects.toThrow(advice)
  })

  test("asks again when the connection is lost, and once where nobody listens", async () => {
    for (const [code, tries] of [
      ["ECONNRESET", 2],
      ["ECONNREFUSED", 1],
    ] as const) {
      let asked = 0
      const lostOnce = async () => {
        if (++asked > 1) return Response.json({ status: "ok" })
        throw new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) })
      }
      await open(lostOnce).catch(() => undefined)
      expect(asked).toBe(tries)
    }
  })

  test("notices that another server answers", async () => {
    await expect(open(async () => new Response("<html>"))).rejects.toThrow("is a claimcheck server at that address?")
  })

  test("lets an edge pass that has trouble of its own, or no /healthz", async () => {
    for (const status of [503, 404]) await open(async () => new Response("", { status }))
  })

  test("refuses an address that is none", async () => {
    await expect(open(async () => Response.json({}), { url: "localhost:8787" })).rejects.toThrow("Cannot read --url")
  })
})

describe("expandInputs()", () => {
  const album = join(folder, "album")
  mkdirSync(join(album, "more"), { recursive: true })
  mkdirSync(join(folder, "empty"))
  for (const name of [
    "b10.JPG",
    "b2.png",
    "a.jpeg",
    "notes.txt",
    "[1].jpg",
    "old.tif",
    "p.webp",
    "q.AVIF",
    "r.gif",
    "more/c.jpg",
  ]) {
    writeFileSync(join(album, name), "")
  }
  const names = async (inputs: string[], recursive = false) =>
    (await expandInputs(inputs, { recursive, say: () => undefined })).map((path) => path.replace(`${album}/`, ""))

  test("takes the pictures of a folder, in the order people expect, and those below it when asked", async () => {
    const here = ["[1].jpg", "a.jpeg", "b2.png", "b10.JPG", "old.tif", "p.webp", "q.AVIF", "r.gif"]
    expect(await names([album])).toEqual(here)
    expect((await names([album], true)).sort()).toEqual([...here, "more/c.jpg"].sort())
  })

  test("says what of a folder it leaves out", async () => {
    const said: string[] = []
    await expandInputs([album, photo], { say: (sentence) => said.push(sentence) })
    await expandInputs([album], { recursive: true, say: (sentence) => said.push(sentence) })
    const left = `${album}: left out 1 file not named like an image: notes.txt`
    expect(said).toEqual([`${left}; did not look in its 1 folder (--recursive does)`, left])
    const phone = join(folder, "phone")
    mkdirSync(phone)
    for (const name of ["IMG_1.HEIC", "IMG_2.heif", "notes.txt"]) writeFileSync(join(phone, name), "")
    await expandInputs([phone], { say: (sentence) => said.push(sentence) })
    const others = "left out 1 file not named like an image: notes.txt"
    const heic = "left out 2 files because HEIC is not supported: IMG_1.HEIC, IMG_2.heif"
    expect(said[2]).toBe(`${phone}: ${others}; ${heic}`)
  })

  test("takes what a pattern matches, and a file whose name looks like one", async () => {
    expect(await names([`${album}/b*`, join(album, "[1].jpg")])).toEqual(["b2.png", "b10.JPG", "[1].jpg"])
  })

  test("leaves URLs alone, though they look like patterns", async () => {
    const urls = ["https://example.com/*.jpg?a=[b]", "http://10.0.0.1/{a,b}.png"]
    expect(await names(urls)).toEqual(urls)
  })

  test("what is not there, a folder without pictures and a pattern without a match fail by themselves alone", async () => {
    const [empty, pattern] = [join(folder, "empty"), `${album}/*.bmp`]
    const inputs = ["none.jpg", empty, pattern, `${photo}/`, photo]
    const files = await expandInputs(inputs, { say: () => undefined })
    expect(files).toEqual(inputs)
    const outcomes = await classify(scripted({ body: succeeded }), files)
    expect(outcomes.map((outcome) => ("error" in outcome ? outcome.error.message : outcome.ticket.status))).toEqual([
      "Cannot read none.jpg: there is no such file",
      `Cannot read ${empty}: it is a folder without images (JPEG, PNG, WebP, AVIF, GIF or TIFF)`,
      `Cannot read ${pattern}: no file matches it`,
      `Cannot read ${photo}/: part of its path is a file, not a folder`,
      "succeeded",
    ])
  })
})

describe("runInOrder()", () => {
  test("tells in order, works on no more than it may at once", async () => {
    const told: number[] = []
    let busy = 0
    let most = 0
    const release: (() => void)[] = []
    const running = runInOrder([0, 1, 2, 3], {
      concurrency: 2,
      async work(item) {
        most = Math.max(most, ++busy)
        await new Promise<void>((resolve) => release.push(resolve))
        busy--
        return item
      },
      tell: (result) => told.push(result),
    })
    release[1]?.()
    await Promise.resolve()
    expect(told).toEqual([])
    release[0]?.()
    for (let i = 2; i < 4; i++) {
      await expect.poll(() => release.length).toBeGreaterThan(i)
      release[i]?.()
    }
    await running
    expect(told).toEqual([0, 1, 2, 3])
    expect(most).toBe(2)
  })

  test("tells what was finished behind what broke off, in order", async () => {
    const told: number[] = []
    const work = async (item: number) => {
      if (item !== 0) return item
      await expect.poll(() => left.length).toBe(2)
      throw new Error("interrupted")
    }
    const left: number[] = []
    const track = async (item: number) => {
      const result = await work(item)
      left.push(item)
      return result
    }
    const running = runInOrder([0, 1, 2], { concurrency: 3, work: track, tell: (result) => told.push(result) })
    await expect(running).rejects.toThrow("interrupted")
    expect(told).toEqual([1, 2])
  })

  test("starts nothing more after a failure, and throws it", async () => {
    const begun: number[] = []
    const work = async (item: number) => {
      begun.push(item)
      if (item === 1) throw new Error("a bug")
    }
    const running = runInOrder([1, 2, 3], { concurrency: 1, work, tell: () => undefined })
    await expect(running).rejects.toThrow("a bug")
    expect(begun).toEqual([1])
  })
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
  const rows = [
    ["id", "n"],
    ["longer", "1"],
  ]
  expect(renderTable(rows, plain)).toBe("id      n\nlonger  1")
})

test("sniffContentType() tells an image by its first bytes", () => {
  expect(sniffContentType(new Uint8Array([0xff, 0xd8, 0xff]))).toBe("image/jpeg")
  expect(sniffContentType(new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]))).toBe("image/png")
  for (const start of ["II*\0", "MM\0*"]) expect(sniffContentType(new TextEncoder().encode(start))).toBe("image/tiff")
  expect(sniffContentType(new TextEncoder().encode("hello"))).toBe("application/octet-stream")
})

test.each([
  [0, "0 ms"],
  [999.4, "999 ms"],
  [999.6, "1.0 s"],
  [9_940, "9.9 s"],
  [9_960, "10 s"],
  [59_600, "1 min"],
  [125_000, "2 min 5 s"],
  [3_599_900, "1 h"],
  [12_000_000, "3 h 20 min"],
  [360_000_000, "4 d 4 h"],
])("humanMs(%d) is %s", (ms, text) => expect(humanMs(ms)).toBe(text))

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [12_350, "12.3 kB"],
  [123_456_789, "123 MB"],
  [7_000_000_000_000, "7000 GB"],
])("humanBytes(%d) is %s", (bytes, text) => expect(humanBytes(bytes)).toBe(text))

test("countOf() counts one and many", () => {
  expect([countOf(1, "job"), countOf(1_200, "job"), countOf(0, "reply", "replies")]).toEqual([
    "1 job",
    "1,200 jobs",
    "0 replies",
  ])
})

test("options are counts from 1, and durations with a unit", () => {
  expect(parseCount("12")).toBe(12)
  for (const bad of ["0", "-1", "1.5", "x", ""]) expect(() => parseCount(bad)).toThrow("whole number")
  expect(["90s", "1.5 min", "2h", "1d", "250ms"].map(parseDurationMs)).toEqual([
    90_000, 90_000, 7_200_000, 86_400_000, 250,
  ])
  for (const bad of ["", "0", "90", "-1s", "2 weeks", "s"]) expect(() => parseDurationMs(bad)).toThrow("with its unit")
})

test("parseProbability() takes what lies between 0 and 1", () => {
  expect(["0", "1", "0.3", "1e-4"].map(parseProbability)).toEqual([0, 1, 0.3, 1e-4])
  for (const bad of ["", " ", "-0.1", "1.5", "30%", "NaN"]) expect(() => parseProbability(bad)).toThrow("from 0 to 1")
})

test("fileNameOf() calls what is made of a URL after the last part of its path, and leads nowhere else", () => {
  const of = (path: string) => fileNameOf(`https://example.com${path}`)
  expect(["/a/b.jpg?c=d/e", "/", "", "/a%2Fb.jpg", "/..%5Cb.png", "/a/../"].map(of)).toEqual([
    "b.jpg",
    "picture",
    "picture",
    "a_2Fb.jpg",
    ".._5Cb.png",
    "picture",
  ])
  expect(fileNameOf("holiday/b.jpg")).toBe("holiday/b.jpg")
})

test("progressNote() and summary() leave out what is not so", () => {
  expect(progressNote({ done: 1, failed: 0, total: 5, ms: 2_000 })).toBe("")
  expect(progressNote({ done: 3, failed: 0, total: 5, ms: 10 })).toBe("")
  expect(progressNote({ done: 3, failed: 0, total: 5, ms: 6_000 })).toBe("0.5/s · 4.0 s left")
  expect(progressNote({ done: 3, failed: 1, total: 3, ms: 2_000 })).toBe("1 failed · 1.5/s")
  expect(summary(40, 0, 8_000)).toBe("40 done · 8.0 s · 5.0/s")
  expect(summary(22, 2, 8_000)).toBe("20 done, 2 failed · 8.0 s · 2.8/s")
})

test("interruptedWords() says what goes on, and how to come back to it", () => {
  expect(interruptedWords({ answered: 2, unsent: 0, open: [] }, { url })).toBe("Interrupted: 2 answered.")
  expect(
    interruptedWords(
      {
        answered: 2,
        unsent: 3,
        open: [
          ["a b.jpg", "cls_1"],
          ["c.jpg", "cls_2"],
        ],
      },
      { url },
    ),
  ).toBe(
    [
      "Interrupted: 2 answered, 2 in work, 3 not sent. 2 tickets go on at the server; the answers:",
      "  claimcheck ticket --wait --url http://edge.test cls_1 cls_2",
      "  cls_1  a b.jpg",
      "  cls_2  c.jpg",
    ].join("\n"),
  )
})

test("webhookTrouble() tells why a webhook did not arrive, and nothing when it did", async () => {
  const attempt = { at: "2026-01-01T00:00:00.000Z", duration_ms: 3, status: null as number | null }
  const delivery = { id: "msg_1", type: "classification.succeeded", created_at: attempt.at, next_attempt_at: null }
  const trouble = (state: string, attempts: unknown[]) =>
    webhookTrouble(
      async () => ({ url: "http://127.0.0.1:9000/hook?secret", deliveries: [{ ...delivery, state, attempts }] }),
      "cls_1",
      signal,
    )
  const error = { code: "address_refused", message: "127.0.0.1 is not public" }
  expect(await trouble("delivered", [{ ...attempt, status: 204 }])).toBeNull()
  expect(await trouble("pending", [{ ...attempt, error }])).toBe(
    "http://127.0.0.1:9000 did not take the answer: 127.0.0.1 is not public (address_refused); it is tried again for three days. Each try: claimcheck webhook show cls_1",
  )
  const fails = async () => {
    throw new CliError("The queue cannot be reached (redis_unavailable)")
  }
  expect(await webhookTrouble(fails, "cls_1", signal)).toMatch(/not known whether it arrived: The queue cannot/)
  expect(await trouble("gone", [{ ...attempt, status: 410 }])).toMatch(/it answered 410; it is not tried again/)
})

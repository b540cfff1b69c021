import { gzipSync } from "node:zlib"
import { describe, expect, test } from "vitest"
import { files, html } from "../../../src/edge/page/page-files.ts"
import type { TicketData } from "../../../src/lib/client/claimcheck.ts"
import { filesOf, listTypeOf, looksLikePicture } from "../../../src/page/album/incoming.ts"
import { createLimiter } from "../../../src/page/album/limiter.ts"
import { comparePictures, newPicture, type Picture, type Progress } from "../../../src/page/album/picture.ts"
import { fetchResults } from "../../../src/page/batches/fetch-results.ts"
import { picturesToCsv } from "../../../src/page/sheet/csv.ts"
import { failureSentence, humanBytes, humanMs, percent, stateWords } from "../../../src/page/sheet/sentences.ts"

const TICKET: TicketData = {
  id: "cls_1",
  status: "succeeded",
  done: true,
  created_at: "2026-01-01T00:00:00.000Z",
  attempts: 1,
  operation: "classify",
  model: { id: "m", version: "1" },
  image: { format: "jpeg", width: 4, height: 2, bytes: 4, sha256: "", orientation: 1 },
  predictions: [
    { label: "castle", probability: 0.5, class_index: 1 },
    { label: "a church, old", probability: 0.25, class_index: 2 },
  ],
}

const picture = (progress: Progress, name = "a.jpg"): Picture => ({
  ...newPicture({ name, addedMs: 1, index: 0, model: "" }),
  progress,
})
const withTicket = (more: Partial<TicketData>) => picture({ phase: "ticket", ticket: { ...TICKET, ...more } })

describe("the page's files", () => {
  test("are 60 kB gzipped at most, samples included", () => {
    const bodies = files.map((file) => ("text" in file ? Buffer.from(file.text) : Buffer.from(file.base64, "base64")))
    const total = [Buffer.from(html.text), ...bodies].reduce((sum, body) => sum + gzipSync(body).length, 0)
    expect(total).toBeLessThan(60_000)
    // A page that was not built would be small, too.
    expect(total).toBeGreaterThan(20_000)
  })
})

describe("stateWords()", () => {
  test.each([
    [picture({ phase: "waiting" }), "waiting to upload"],
    [picture({ phase: "uploading" }), "uploading"],
    [
      withTicket({ status: "queued", done: false, predictions: [], queue: { position: 0, eta_ms: 1, classifiers: 1 } }),
      "queued, next in line",
    ],
    [
      withTicket({
        status: "queued",
        done: false,
        predictions: [],
        queue: { position: 12, eta_ms: 1, classifiers: 1 },
      }),
      "queued, 12 ahead",
    ],
    [
      withTicket({
        status: "queued",
        done: false,
        predictions: [],
        queue: { position: 3, eta_ms: null, classifiers: 0 },
      }),
      "queued, no classifier",
    ],
    [
      withTicket({
        status: "queued",
        done: false,
        predictions: [],
        queue: { position: 3, eta_ms: null, classifiers: 1, notice: "The queue is paused" },
      }),
      "queued, paused",
    ],
    [{ ...picture({ phase: "uploading" }), needsKey: true }, "waiting for your key"],
    [withTicket({ status: "processing", done: false, predictions: [] }), "processing"],
    [withTicket({}), "castle, 50.0 %"],
    [withTicket({ status: "canceled", predictions: [] }), "canceled"],
    [
      withTicket({ status: "failed", predictions: [], error: { code: "invalid_image", message: "It is cut" } }),
      "failed",
    ],
    [picture({ phase: "refused", error: { code: "network", message: "Cannot reach" } }), "failed"],
  ])("%j is %s", (given, words) => {
    expect(stateWords(given)).toBe(words)
  })
})

describe("failureSentence()", () => {
  test("knows the codes that people meet, and shows what the server says of others", () => {
    expect(failureSentence({ code: "image_too_large", message: "Cannot accept" })).toBe(
      "This file is larger than the server allows.",
    )
    expect(failureSentence({ code: "a_later_one", message: "The moon is down" })).toBe("The moon is down.")
    expect(failureSentence({ code: "a_later_one", message: "Why?" })).toBe("Why?")
  })
})

describe("figures", () => {
  test.each([
    [percent(1), "100 %"],
    [percent(0.9994), "99.9 %"],
    [percent(0.00049), "< 0.1 %"],
    [percent(0.0005), "0.1 %"],
    [humanBytes(999), "999 bytes"],
    [humanBytes(78_400), "78 kB"],
    [humanBytes(1_250_000), "1.3 MB"],
    [humanMs(61), "61 ms"],
    [humanMs(2_340), "2.3 s"],
    [humanMs(61_000), "1 min"],
    [humanMs(7_200_000), "2 h"],
  ])("%s", (said, wanted) => expect(said).toBe(wanted))
})

describe("picturesToCsv()", () => {
  test("quotes what has to be, gives failures a code, and hands no formula to a spreadsheet", () => {
    const failed = picture({ phase: "refused", error: { code: "unsupported_image", message: "" } }, '=cmd("x").jpg')
    const [head, first, second, end] = picturesToCsv([withTicket({}), failed]).split("\r\n")
    expect(head).toBe("file,label,probability,second,second_probability,model,error,ticket")
    expect(first).toBe('a.jpg,castle,0.5,"a church, old",0.25,m,,cls_1')
    expect(second).toBe(`"'=cmd(""x"").jpg",,,,,,unsupported_image,`)
    expect(end).toBe("")
  })
})

describe("comparePictures()", () => {
  test("puts the newest first, and what came together in its order", () => {
    const made = ([addedMs, index]: readonly [number, number]) => newPicture({ name: "", addedMs, index, model: "" })
    const sorted = (
      [
        [1, 0],
        [2, 1],
        [2, 0],
      ] as const
    )
      .map(made)
      .sort(comparePictures)
    expect(sorted.map(({ addedMs, index }) => [addedMs, index])).toEqual([
      [2, 0],
      [2, 1],
      [1, 0],
    ])
  })
})

describe("createLimiter()", () => {
  test("runs so many at once, in their order, and goes on after one that failed", async () => {
    const limit = createLimiter(2)
    const log: string[] = []
    let [running, most] = [0, 0]
    const work = (name: string) => async () => {
      most = Math.max(most, ++running)
      log.push(name)
      await Promise.resolve()
      running--
      if (name === "b") throw new Error(name)
      return name
    }
    const ended = await Promise.allSettled(["a", "b", "c", "d"].map((name) => limit(work(name))))
    expect(ended.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "fulfilled"])
    expect([log.join(""), most]).toEqual(["abcd", 2])
  })
})

describe("looksLikePicture()", () => {
  test.each([
    ["a.txt", "text/plain", false],
    ["a.jpg", "image/jpeg", true],
    ["a.HEIC", "", true],
    ["a", "", false],
    ["a.jpg", "text/plain", false],
  ])("%s as %j: %s", (name, type, expected) => {
    expect(looksLikePicture(new File([], name, { type }))).toBe(expected)
  })
})

describe("filesOf()", () => {
  const file = (name: string) => new File([], name)
  const fileEntry = (name: string) => ({ isFile: true, file: (give: (file: File) => void) => give(file(name)) })
  /** Gives its entries by twos, as a browser does by hundreds. */
  const folderEntry = (...entries: unknown[]) => ({
    isFile: false,
    isDirectory: true,
    createReader: () => ({ readEntries: (give: (some: unknown[]) => void) => give(entries.splice(0, 2)) }),
  })
  const dropped = (files: File[], entries: unknown[]) =>
    ({
      files,
      items: entries.map((entry) => ({ kind: "file", webkitGetAsEntry: () => entry })),
    }) as unknown as DataTransfer

  test("are the files of a drop, and all that lie in its folders, however deep", async () => {
    const inner = folderEntry(fileEntry("4"))
    const folder = folderEntry(fileEntry("1"), fileEntry("2"), fileEntry("3"), inner)
    const names = (await filesOf(dropped([], [folder, fileEntry("5")]))).map(({ name }) => name)
    expect(names).toEqual(["1", "2", "3", "4", "5"])
  })

  test("are taken as they are where there is no folder, and where a paste has none", async () => {
    const files = [file("a"), file("b")]
    expect(
      await filesOf(
        dropped(
          files,
          files.map(({ name }) => fileEntry(name)),
        ),
      ),
    ).toEqual(files)
    expect(await filesOf(dropped(files, [null, null]))).toEqual(files)
  })
})

describe("lists", () => {
  test("listTypeOf() goes by the name, whatever the system says of the type", () => {
    const typeOf = (name: string, type = "") => listTypeOf(new File([], name, { type }))
    expect(typeOf("a.csv", "application/vnd.ms-excel")).toBe("text/csv")
    expect(typeOf("A.B.TSV")).toBe("text/tab-separated-values")
    expect(["a.jsonl", "a.ndjson", "a.json"].map((name) => typeOf(name))).toEqual([
      "application/jsonl",
      "application/jsonl",
      "application/json",
    ])
    expect(["notes.txt", "csv", "a.jpg", "a.csv.exe", "a.constructor"].map((name) => typeOf(name))).toEqual(
      Array(5).fill(undefined),
    )
  })

  test("fetchResults() asks page by page, until all is there or nothing more is done", async () => {
    const fetched = async (rows: number, isOver: boolean) => {
      const asked: number[] = []
      const counts: number[] = []
      const parts = await fetchResults(
        async (after) => {
          asked.push(after)
          const nextAfter = Math.min(rows, after + 5_000)
          return { body: new Blob([`${after} `]), nextAfter, isComplete: isOver && nextAfter === rows }
        },
        (count) => counts.push(count),
      )
      return { asked, counts, text: await new Blob(parts).text() }
    }
    expect(await fetched(10_000, true)).toEqual({ asked: [0, 5_000], counts: [5_000, 10_000], text: "0 5000 " })
    expect(await fetched(10_000, false)).toMatchObject({ asked: [0, 5_000, 10_000], counts: [5_000, 10_000, 10_000] })
    expect(await fetched(0, false)).toMatchObject({ asked: [0], counts: [0] })
  })
})

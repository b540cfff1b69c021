import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { Command } from "commander"
import { afterAll, describe, expect, test } from "vitest"
import { addBatchCommand } from "../../../../src/cli/batch/batch-command.ts"
import { type BatchRun, readRun } from "../../../../src/cli/batch/batch-run.ts"
import { followBatch } from "../../../../src/cli/batch/follow-batch.ts"
import { startRun } from "../../../../src/cli/batch/start-run.ts"
import { expandInputs } from "../../../../src/cli/files/expand-inputs.ts"
import { installFolder } from "../../../../src/cli/models/install-folder.ts"
import { claimPaths } from "../../../../src/cli/operations/claim-paths.ts"
import { outputPath, saveOutput } from "../../../../src/cli/operations/save-output.ts"
import { Claimcheck, ClaimcheckError } from "../../../../src/lib/client/claimcheck.ts"

const folder = mkdtempSync(join(tmpdir(), "claimcheck-keeps-"))
afterAll(() => rmSync(folder, { recursive: true }))
const path = (name: string) => join(folder, name)
const textOf = (name: string) => readFileSync(path(name), "utf8")
const { signal } = new AbortController()

describe("a result of an operation", () => {
  const save = (force: boolean) => {
    writeFileSync(path("made.jpg"), "made")
    const output = { url: pathToFileURL(path("made.jpg")).href, content_type: "image/jpeg", bytes: 4, sha256: "" }
    return saveOutput(path("mine.jpg"), {
      output,
      client: new Claimcheck({ url: "http://127.0.0.1:1" }),
      force,
      signal,
    })
  }

  test("is written over a file that is there with --force only", async () => {
    writeFileSync(path("mine.jpg"), "mine, and longer")
    await expect(save(false)).rejects.toThrow("it is there already; --force writes over it")
    expect(textOf("mine.jpg")).toBe("mine, and longer")
    await save(true)
    expect(textOf("mine.jpg")).toBe("made")
    rmSync(path("mine.jpg"))
    await save(false)
    expect(textOf("mine.jpg")).toBe("made")
  })

  test("takes the path of no input and of no other result, whatever links lead there", async () => {
    mkdirSync(path("photos"))
    writeFileSync(path("photos/a.jpg"), "a")
    symlinkSync(path("photos"), path("linked"))
    const claim = await claimPaths([path("photos/a.jpg"), "https://a.example/b.jpg"])
    await expect(claim(path("linked/a.jpg"), "x.jpg")).rejects.toThrow("it is an input, and x.jpg would go there")
    expect(await claim(path("photos/b.jpg"), "b.gif")).toBe(path("photos/b.jpg"))
    expect(await claim(path("linked/b.jpg"), "b.tiff")).toBe(path("linked/b-tiff.jpg"))
    expect(await claim(path("photos/b.jpg"), "b.tiff")).toBe(path("photos/b-tiff-2.jpg"))
    expect([await claim("b.jpg", "b"), await claim("b.jpg", "b")]).toEqual(["b.jpg", "b-2.jpg"])
  })
})

test("what is made of a folder's pictures lies in sub-folders as they do", async () => {
  for (const name of ["tree/a.jpg", "tree/below/a.jpg"]) {
    mkdirSync(path(name.replace(/\/[^/]*$/, "")), { recursive: true })
    writeFileSync(path(name), "a")
  }
  const below = new Map<string, string>()
  const place = (file: string, way: string) => void below.set(file, way)
  const files = await expandInputs([path("tree")], { recursive: true, place })
  const where = files.map((file) => outputPath(file, "webp", { folder: "out", suffix: "x", below: below.get(file) }))
  expect(where.sort()).toEqual(["out/a.webp", "out/below/a.webp"])
})

describe("claimcheck batch", () => {
  const run: BatchRun = {
    ...{ url: "http://127.0.0.1:1", list: path("list.csv"), query: "operation=inspect", idempotencyKey: "key" },
    ...{ rows: 0, bytes: 0, failures: {}, failedRows: 0 },
  }

  test.each(["list.csv", "link.csv"])("never takes the list for its results: %s", async (out) => {
    writeFileSync(path("list.csv"), "url\n")
    rmSync(path("link.csv"), { force: true })
    symlinkSync(path("list.csv"), path("link.csv"))
    const program = new Command()
    addBatchCommand(program)
    const args = ["batch", path("list.csv"), "--out", path(out), "--force", "--url", "http://127.0.0.1:1"]
    await expect(program.parseAsync(args, { from: "user" })).rejects.toThrow("is the list itself")
    expect(textOf("list.csv")).toBe("url\n")
  })

  test.each([
    [400, false],
    [422, false],
    [408, true],
    [429, true],
    [503, true],
  ])("after %d there is something to resume: %s", async (status, isKept) => {
    writeFileSync(path("list.csv"), "url\n")
    const out = path(`sent-${status}.csv`)
    const client = { submitBatch: () => Promise.reject(new ClaimcheckError("refused", "no", { status })) }
    await expect(startRun({ client, run: { ...run }, list: path("list.csv"), out, signal })).rejects.toThrow("no")
    expect((await readRun(out))?.idempotencyKey).toBe(isKept ? "key" : undefined)
  })

  test("goes on with no file that is shorter than what it had written", async () => {
    writeFileSync(path("short.csv"), "url,sta")
    const resumed = followBatch({
      ...{ batch: {} as never, run: { ...run, ticketId: "t", rows: 3, bytes: 40 }, out: path("short.csv") },
      ...{ format: "csv", signal, onTicket: () => undefined },
    })
    await expect(resumed).rejects.toThrow("has 7 bytes and the run had written 40")
    expect(textOf("short.csv")).toBe("url,sta")
  })
})

test("a model folder that cannot be replaced stays in its place", async () => {
  mkdirSync(path("model"))
  writeFileSync(path("model/labels"), "old")
  await expect(installFolder(path("not-there"), path("model"))).rejects.toThrow("ENOENT")
  expect([textOf("model/labels"), existsSync(path(".model.old"))]).toEqual(["old", false])
})

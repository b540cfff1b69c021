import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Command } from "commander"
import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { addBatchCommand } from "../../src/cli/batch/batch-command.ts"
import { downloadOutputs } from "../../src/cli/batch/download-outputs.ts"
import { renderSummary } from "../../src/cli/batch/render-batch.ts"
import { CliError, EXIT } from "../../src/cli/cli-error.ts"
import { plain } from "../../src/cli/terminal.ts"
import type { BatchTicket } from "../../src/lib/batches/batch-ticket.ts"

let folder: string
let server: Server
let url: string
let asked: string[]
let isEndless: boolean
let outputs = ""
let posted: string[]

/** An edge that has one batch, of one row, until somebody cancels it. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "claimcheck-batch-"))
  asked = []
  posted = []
  isEndless = false
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const isCanceled = asked.includes("DELETE /v1/batches/bat_1")
    if (request.url === "/healthz") return response.end('{"status":"ok"}')
    if (request.url === "/o") return response.end(outputs)
    if (request.method === "POST") posted.push(request.url ?? "")
    if (request.url?.includes("/results")) {
      response.setHeader("next-after", isEndless ? 0 : 1).setHeader("results-complete", String(!isEndless))
    }
    response.end(
      request.url?.includes("/results") ? "url,status\r\nu,canceled\r\n" : JSON.stringify(ticket(isCanceled)),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
})

const ticket = (done: boolean): BatchTicket => ({
  id: "bat_1",
  status: done ? "canceled" : "queued",
  done,
  operation: "inspect",
  created_at: new Date(0).toISOString(),
  rows: { total: 1, skipped: 0 },
  pictures: { total: 1, done: 0, queued: 1, processing: 0, succeeded: 0, failed: 0, canceled: 0 },
  batch_size: 64,
  per_second: null,
  failures: [],
  results_url: "/",
})

async function run(...args: string[]): Promise<{ said: string }> {
  const program = new Command().exitOverride()
  addBatchCommand(program)
  let said = ""
  const writing = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said += String(text)
    return true
  })
  try {
    await program.parseAsync(["batch", ...args, "--url", url], { from: "user" })
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== EXIT.interrupted) throw error
  } finally {
    process.exitCode = 0
    writing.mockRestore()
  }
  return { said }
}

it("options are called as in the API, and the names of before still do", async () => {
  const list = join(folder, "list.csv")
  await writeFile(list, "url\nu")
  const queryOf = async (...args: string[]) => {
    await run(list, "--force", ...args)
    return Object.fromEntries(new URL(posted.pop() ?? "", url).searchParams)
  }
  const wanted = { operation: "compress", quality: "50", on_invalid: "skip", webhook_url: "https://h.example/" }
  const now = [
    "--operation",
    "compress",
    "--quality",
    "50",
    "--on-invalid",
    "skip",
    "--webhook-url",
    "https://h.example/",
  ]
  const before = ["--op", "compress", "--option", "quality=50", "--skip-invalid", "--webhook", "https://h.example/"]
  expect(await queryOf(...now)).toEqual(wanted)
  expect(await queryOf(...before)).toEqual(wanted)
  expect(await queryOf("--top-k", "3", "--threshold", "0.2")).toEqual({
    operation: "classify",
    top_k: "3",
    threshold: "0.2",
  })
  expect(await queryOf("--operation", "compress", "--output-format", "webp")).toEqual({
    operation: "compress",
    output_format: "webp",
  })
})

it("at Ctrl-C says that the batch goes on, how far it is, and how to come back", async () => {
  isEndless = true
  const list = join(folder, "list.csv")
  await writeFile(list, "url\nu")
  const interrupted = run(list, "--out", join(folder, "out.csv"))
  await expect.poll(() => asked.some((request) => request.includes("/results"))).toBe(true)
  process.emit("SIGINT")
  const again = `claimcheck batch ${list} --out ${join(folder, "out.csv")}`
  expect((await interrupted).said).toBe(
    [
      "Interrupted: the batch goes on at the server, 0 of 1 picture done.",
      `  ${again} --resume --url ${url}    goes on here`,
      `  ${again} --cancel --url ${url}    stops it`,
      "",
    ].join("\n"),
  )
})

it("a canceled batch says how much of it was done", () => {
  const pictures = { total: 57, done: 57, queued: 0, processing: 0, succeeded: 12, failed: 1, canceled: 44 }
  const canceled = { ...ticket(true), rows: { total: 60, skipped: 3 }, pictures }
  const told = renderSummary(canceled, { failedRows: 0, failures: {} }, { out: "out.csv", ms: 284, paint: plain })
  expect(told).toBe(
    "canceled · 60 rows, 57 pictures: 12 done, 1 failed, 44 canceled · 3 rows left out · 284 ms · out.csv",
  )
})

it("--download gives each row's file the name of its cell, which leads nowhere else, and keeps what is there", async () => {
  const output = (content_type: string) => ({ url: `${url}/o`, content_type, bytes: 3, sha256: "" })
  const rows = [
    { row: 1, input: { sku: "a/b" }, results: [{ output: output("image/jpeg") }, { output: output("image/jpeg") }] },
    { row: 2, input: { sku: "../../x.png" }, results: [{ output: output("image/png") }] },
    { row: 3, input: { sku: "A_B.jpg" }, results: [{ output: output("image/jpeg") }] },
    { row: 4, input: { sku: "gone" }, results: [{}] },
    { row: 5, input: { sku: "" }, results: [{ output: output("application/x-npy") }] },
  ]
  const text = rows.map((row) => `${JSON.stringify(row)}\n`).join("")
  const api = { results: async () => ({ text, nextAfter: 5, isComplete: true }) }
  const signal = new AbortController().signal
  const into = join(folder, "files")
  const download = (column: string, force = false) =>
    downloadOutputs({
      api,
      ticketId: "bat_1",
      edge: { url },
      folder: into,
      column,
      force,
      signal,
      onSaved: () => undefined,
    })
  outputs = "one"
  expect(await download("sku")).toEqual({ files: 5 })
  expect((await readdir(into)).sort()).toEqual(["A_B-3.jpg", "_.._x.png", "a_b-2.jpg", "a_b.jpg", "row-5.npy"].sort())
  outputs = "two"
  await download("sku")
  expect(await readFile(join(into, "a_b.jpg"), "utf8")).toBe("one")
  await expect(download("name")).rejects.toThrow(/no column "name"; it has sku/)
})

it("--cancel stops the run at the edge that has it, whichever is the usual one", async () => {
  const list = join(folder, "list.csv")
  await writeFile(list, "url\nu")
  const run = { url, list, query: "", idempotencyKey: "k", ticketId: "bat_1", rows: 0, bytes: 0 }
  await writeFile(
    join(folder, "list.results.csv.claimcheck-run.json"),
    JSON.stringify({ ...run, failures: {}, failedRows: 0 }),
  )
  const program = new Command().exitOverride()
  addBatchCommand(program)
  try {
    await program.parseAsync(["batch", list, "--cancel"], { from: "user" })
  } finally {
    process.exitCode = 0
  }
  expect(asked).toContain("DELETE /v1/batches/bat_1")
})

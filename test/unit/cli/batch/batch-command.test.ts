import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Command } from "commander"
import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { addBatchCommand } from "../../../../src/cli/batch/batch-command.ts"
import { downloadOutputs } from "../../../../src/cli/batch/download-outputs.ts"
import { renderSummary } from "../../../../src/cli/batch/render-batch.ts"
import { CliError, EXIT } from "../../../../src/cli/cli-error.ts"
import { plain } from "../../../../src/cli/terminal/terminal.ts"
import type { BatchTicket } from "../../../../src/lib/batches/batch-ticket.ts"
import { Claimcheck } from "../../../../src/lib/client/claimcheck.ts"

let folder: string
let server: Server
let url: string
let asked: string[]
let isEndless: boolean
let outputs = ""
let posted: string[]
let isDone: boolean
/** Nothing was done, and at its end the list is gone. */
let isEmptied: boolean
/** Why it waits, answer by answer. */
let notices: (string | undefined)[]
let refusal: object | null
let types: string[]
/** Every look at the batch is to come back much later. */
let isPutOff: boolean

/** An edge that has one batch, of one row, until somebody cancels it. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "claimcheck-batch-"))
  asked = []
  posted = []
  isEndless = false
  isDone = false
  isEmptied = false
  notices = []
  refusal = null
  types = []
  isPutOff = false
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const isCanceled = asked.includes("DELETE /v1/batches/bat_1")
    if (request.url === "/healthz") return response.end('{"status":"ok"}')
    if (request.url === "/o") return response.end(outputs)
    if (request.method === "POST") {
      posted.push(request.url ?? "")
      types.push(String(request.headers["content-type"]).replace("; ", ";"))
    } else if (isPutOff) {
      return response.writeHead(429, { "retry-after": "1000" }).end('{"code":"rate_limited","detail":"Too much"}')
    }
    if (refusal !== null) return response.writeHead(400).end(JSON.stringify(refusal))
    if (request.url === "/v1/batches/bat_1/deliveries") return response.end(JSON.stringify(refused))
    if (isEmptied && isCanceled && request.url?.includes("/results"))
      return response.writeHead(410).end(JSON.stringify({ code: "list_expired", detail: "It is gone" }))
    if (request.url?.includes("/results")) {
      const isOpen = isEndless || notices.length > 0
      response.setHeader("next-after", isOpen ? 0 : 1).setHeader("results-complete", String(!isOpen))
    }
    if (request.url?.includes("format=jsonl")) return response.end('{"row":1,"input":{"sku":"a"},"results":[]}\n')
    const notice = request.method === "GET" && !request.url?.includes("/results") ? notices.shift() : undefined
    const emptied = { ...ticket(true), pictures: { ...ticket(true).pictures, queued: 0, done: 1, canceled: 1 } }
    response.end(
      request.url?.includes("/results")
        ? `url,status\r\n${isEndless || notices.length > 0 ? "" : `u,${isDone ? "" : "canceled"}\r\n`}`
        : JSON.stringify(
            isDone
              ? succeeded
              : isCanceled && isEmptied
                ? emptied
                : { ...ticket(isCanceled), notice, poll_after_ms: 1 },
          ),
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

const succeeded: BatchTicket = {
  ...ticket(true),
  status: "succeeded",
  pictures: { ...ticket(true).pictures, done: 1, queued: 0, succeeded: 1 },
}

const refused = {
  url: "https://hooks.example/x?secret",
  deliveries: [
    {
      ...{ id: "msg_1", type: "batch.succeeded", state: "pending", created_at: new Date(0).toISOString() },
      next_attempt_at: null,
      attempts: [{ at: new Date(0).toISOString(), duration_ms: 3, status: 500 }],
    },
  ],
}

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
      "accepted as bat_1",
      "Interrupted: bat_1 goes on at the server, 0 of 1 image done.",
      `  ${again} --resume --url ${url}    goes on here`,
      `  ${again} --cancel --url ${url}    stops it`,
      `  claimcheck ticket bat_1 --url ${url}    shows how far it is`,
      "",
    ].join("\n"),
  )
})

it("at Ctrl-C says that the server is done, where not all of its results are fetched yet", async () => {
  isEndless = true
  isDone = true
  const list = join(folder, "list.csv")
  await writeFile(list, "url\nu")
  const interrupted = run(list, "--out", join(folder, "out.csv"))
  await expect.poll(() => asked.some((request) => request.includes("/results"))).toBe(true)
  process.emit("SIGINT")
  const { said } = await interrupted
  expect(said).toContain("Interrupted: the server is done with bat_1; not all of its results are fetched.")
  expect(said).toContain("--resume")
  expect(said).not.toContain("--cancel")
})

it("a canceled batch says how much of it was done", () => {
  const pictures = { total: 57, done: 57, queued: 0, processing: 0, succeeded: 12, failed: 1, canceled: 44 }
  const canceled = { ...ticket(true), rows: { total: 60, skipped: 3 }, pictures }
  const told = renderSummary(canceled, { failedRows: 0, failures: {} }, { out: "out.csv", ms: 284, paint: plain })
  expect(told).toBe(
    "canceled · 60 rows, 57 images: 12 done, 1 failed, 44 canceled · 3 rows left out · 284 ms · out.csv",
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
  const batch = { results: async () => ({ body: new Blob([text]), nextAfter: 5, isComplete: true }) }
  const signal = new AbortController().signal
  const into = join(folder, "files")
  const download = (column: string, force = false) =>
    downloadOutputs({
      client: new Claimcheck({ url }),
      batch,
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

it("without a terminal says in one line how it went and where the results are, whose folder it makes", async () => {
  const list = join(folder, "list.csv")
  await writeFile(list, "url\nu")
  isDone = true
  const out = join(folder, "not/yet/out.csv")
  const { said } = await run(list, "--out", out)
  expect(said).toMatch(/^accepted as bat_1\n1 row, 1 image: 1 done · .* · \S+not\/yet\/out\.csv\n$/)
  expect(await readFile(out, "utf8")).toBe("url,status\r\nu,\r\n")
})

it("a webhook that is not taken is told at the end", async () => {
  const list = join(folder, "list.csv")
  await writeFile(list, "url\nu")
  isDone = true
  const { said } = await run(list, "--webhook-url", "https://hooks.example/x")
  expect(said).toContain("webhook https://hooks.example did not take the answer: it answered 500; it is tried again")
  expect(said).toContain("claimcheck webhook show bat_1")
})

it.each([
  ["list.csv", "\uFEFFsku;url\na;u", 'the list has no column "SKU"; it has sku, url'],
  ["list.tsv", "sku\turl\na\tu", 'no column "SKU"'],
  ["list.jsonl", '{"sku":"a","url":"u"}', 'no column "SKU"'],
  ["list.json", '[{"sku":"a","url":"u"}]', 'no column "SKU"'],
])(
  "a column for names that %s has not is told before anything is sent, and leaves nothing",
  async (name, text, why) => {
    const list = join(folder, name)
    await writeFile(list, text)
    const compress = ["--operation", "compress", "--download", join(folder, "files"), "--name-column"]
    await expect(run(list, ...compress, "SKU")).rejects.toThrow(why)
    expect([posted, await readdir(folder)]).toEqual([[], [name]])
    isDone = true
    await run(list, ...compress, "sku")
    expect(posted).toHaveLength(1)
  },
)

it("options that would have no effect are refused", async () => {
  const list = join(folder, "list.csv")
  await writeFile(list, "url\nu")
  await expect(run(list, "--name-column", "sku")).rejects.toThrow(
    "--name-column names the files that --download fetches",
  )
  const left = { url, list, query: "operation=inspect", idempotencyKey: "k", ticketId: "bat_1", rows: 0, bytes: 0 }
  const runFile = join(folder, "list.results.csv.claimcheck-run.json")
  await writeFile(runFile, JSON.stringify({ ...left, failures: {}, failedRows: 0 }))
  await expect(run(list, "--resume", "--quality", "3")).rejects.toThrow("cannot change --quality")
  isDone = true
  await run(list, "--resume", "--operation", "inspect")
  await expect(run("bat_1abc")).rejects.toThrow("claimcheck ticket bat_1abc shows it")
})

it("what the server says of an option has the name of the flag", async () => {
  const list = join(folder, "list.csv")
  await writeFile(list, "a,b\nu,u")
  refusal = { code: "no_url_column", detail: "Cannot tell which column: name it with url_column, or on_invalid=skip" }
  await expect(run(list)).rejects.toThrow("name it with --url-column, or --on-invalid skip (no_url_column)")
})

it("--cancel before anything was done ends the run without results, which the server has deleted", async () => {
  isEmptied = true
  isEndless = true
  const [list, out] = [join(folder, "list.csv"), join(folder, "out.csv")]
  await writeFile(list, "url\nu")
  const interrupted = run(list, "--out", out)
  await expect.poll(() => asked.some((request) => request.includes("/results"))).toBe(true)
  process.emit("SIGINT")
  await interrupted
  expect((await run(list, "--out", out, "--cancel")).said).toContain("canceled · 1 row, 1 image: 0 done, 1 canceled")
  expect(await readdir(folder)).toEqual(["list.csv"])
})

it("who loses the server hears how to come back to the batch", async () => {
  isPutOff = true
  const list = join(folder, "list.csv")
  await writeFile(list, "url\nu")
  let said = ""
  const writing = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said += String(text)
    return true
  })
  const program = new Command().exitOverride()
  addBatchCommand(program)
  try {
    await expect(program.parseAsync(["batch", list, "--url", url], { from: "user" })).rejects.toThrow("Too much")
  } finally {
    writing.mockRestore()
  }
  expect(said).toContain(`Given up: bat_1 goes on at the server`)
  expect(said).toContain(`claimcheck batch ${list} --resume --url ${url}`)
})

it("--charset says the encoding of the list", async () => {
  const list = join(folder, "list.csv")
  await writeFile(list, Buffer.from("url,caf\xe9\nu,u", "latin1"))
  await run(list, "--charset", "latin1")
  expect(types).toEqual(["text/csv;charset=windows-1252"])
  await expect(run(list, "--force", "--charset", "none")).rejects.toThrow("There is no encoding none")
  refusal = {
    code: "invalid_list",
    detail: "It is not utf-8 text; save it as UTF-8, or say `charset` in the Content-Type",
  }
  await expect(run(list, "--force")).rejects.toThrow("save it as UTF-8, or name its encoding: --charset windows-1252")
})

it("says each reason to wait as it comes, and that it goes on", async () => {
  notices = ["Paused: until then", "Unserved: until then", undefined]
  const list = join(folder, "list.csv")
  await writeFile(list, "url\nu")
  const { said } = await run(list)
  expect(said).toContain(
    "waiting Paused: until then\nwaiting Unserved: until then\ngoing on what it waited for is there\n",
  )
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

it("retry submits the failed rows of a batch again, and writes what becomes of them", async () => {
  isDone = true
  const out = join(folder, "again.csv")
  const { said } = await run("retry", "bat_1", "--out", out)
  expect(asked).toContain("POST /v1/batches/bat_1/retry")
  expect(posted).toEqual(["/v1/batches/bat_1/retry"])
  expect(await readFile(out, "utf8")).toBe("url,status\r\nu,\r\n")
  expect(said).toContain("again.csv")
  expect(await readdir(folder)).toEqual(["again.csv"])
  // What is there stays as it is, and nothing is sent.
  await expect(run("retry", "bat_1", "--out", out)).rejects.toThrow(/again\.csv is there already/)
  expect(posted).toHaveLength(1)
  await run("retry", "bat_1", "--out", out, "--force")
  expect(posted).toHaveLength(2)
})

it("the ticket of a batch instead of a list is told the command that retries it", async () => {
  await expect(run("bat_1")).rejects.toThrow(/claimcheck batch retry bat_1/)
})

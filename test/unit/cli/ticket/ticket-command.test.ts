import { mkdtemp, readFile, rm } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Command } from "commander"
import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { waitCommand } from "../../../../src/cli/api/advice.ts"
import { forTerminal } from "../../../../src/cli/api/edge-client.ts"
import { sayNotices } from "../../../../src/cli/api/say-waits.ts"
import { addTicketCommand } from "../../../../src/cli/ticket/ticket-command.ts"
import { ClaimcheckError, type TicketData } from "../../../../src/lib/client/claimcheck.ts"

const MADE = "the picture that was made"
let folder: string
let server: Server
let url: string
let answers: Record<string, unknown[]>

const created_at = "2026-01-01T00:00:00.000Z"
const notice = "The queue is paused"
const compressed = {
  ...{ id: "cls_made", status: "succeeded", done: true, operation: "compress", created_at, attempts: 1 },
  output: { url: "/v1/outputs/1", content_type: "image/jpeg", bytes: MADE.length, sha256: "", width: 4, height: 2 },
}
const waiting = {
  ...{ id: "cls_made", status: "queued", done: false, operation: "compress", created_at, attempts: 0 },
  queue: { position: 0, eta_ms: 3_000, classifiers: 1, notice },
  poll_after_ms: 10,
}
const pictures = { total: 3, done: 1, queued: 1, processing: 1, succeeded: 1, failed: 0, canceled: 0 }
const batch = {
  ...{
    id: "bat_1",
    status: "processing",
    done: false,
    operation: "inspect",
    created_at,
    rows: { total: 3, skipped: 0 },
  },
  ...{ pictures, batch_size: 64, per_second: 2, eta_ms: 1_000, failures: [], results_url: "http://edge/results" },
}

/** An edge that gives each path's answers in turn, the last of them for good. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "claimcheck-ticket-"))
  answers = { "/v1/classifications/cls_made": [compressed], "/v1/batches/bat_1": [batch] }
  server = createServer((request, response) => {
    if (request.url === "/healthz") return response.end('{"status":"ok"}')
    if (request.url === "/v1/outputs/1") return response.end(MADE)
    const left = answers[request.url ?? ""] ?? []
    const body = left.length > 1 ? left.shift() : left[0]
    response.statusCode = body === undefined ? 404 : 200
    response.end(JSON.stringify(body ?? { code: "not_found", detail: "There is no such ticket" }))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve))
  await rm(folder, { recursive: true })
})

async function ticket(...args: string[]) {
  const program = new Command().exitOverride()
  addTicketCommand(program)
  const said = { out: "", err: "", code: 0 }
  const listening = process.stderr.listeners("error")
  const spies = (["stdout", "stderr"] as const).map((name) =>
    vi.spyOn(process[name], "write").mockImplementation((text) => {
      said[name === "stdout" ? "out" : "err"] += String(text)
      return true
    }),
  )
  try {
    await program.parseAsync(["ticket", ...args, "--url", url], { from: "user" })
    said.code = Number(process.exitCode ?? 0)
  } finally {
    process.exitCode = 0
    for (const spy of spies) spy.mockRestore()
    for (const stream of [process.stdout, process.stderr])
      for (const added of stream.listeners("error").slice(listening.length)) stream.off("error", added as () => void)
  }
  return said
}

it("shows what a ticket has made and where it is, and saves it with --out", async () => {
  const shown = await ticket("cls_made")
  expect(shown.out).toContain("output    4×2 · 25 B")
  expect(shown.out).toContain(`url       ${url}/v1/outputs/1`)
  const out = join(folder, "new folder")
  expect(await ticket("cls_made", "--out", out)).toMatchObject({ code: 0, err: "" })
  expect(await readFile(join(out, "cls_made.jpg"), "utf8")).toBe(MADE)
  // What is there stays as it is.
  expect(await ticket("cls_made", "--out", out)).toMatchObject({ code: 1, err: expect.stringContaining("--force") })
})

it("who gives up waiting for a file is told the command that fetches it", async () => {
  const late = new ClaimcheckError("timeout", "late", { ticket: waiting as TicketData })
  expect(String(forTerminal(late, { url }))).toContain(waitCommand(["cls_made"], { url, out: "." }))
  expect(String(forTerminal(late, { url, out: "my folder" }))).toContain("--wait --out 'my folder' --url")
})

it("says why nothing moves to who looks and to who waits, and gives no time then", async () => {
  answers["/v1/classifications/cls_made"] = [waiting]
  const shown = await ticket("cls_made")
  expect(shown.out).toContain(`note      ${notice}`)
  expect(shown.out).not.toContain("in about")
  answers["/v1/classifications/cls_made"] = [waiting, waiting, compressed]
  const waited = await ticket("--wait", "cls_made")
  expect(waited.err).toBe(`waiting ${notice}\n`)
  answers["/v1/batches/bat_1"] = [
    { ...batch, notice },
    { ...batch, notice, poll_after_ms: 1 },
    { ...batch, done: true },
  ]
  expect((await ticket("bat_1")).out).toMatch(new RegExp(`note +${notice}`))
  expect((await ticket("--wait", "bat_1")).err).toBe(`waiting ${notice}\n`)
})

it("who waits hears each reason as it comes, and that it goes on", async () => {
  const paused = "The queue is paused: what waits is kept until then"
  const unserved = "No classifier serves m now: it is waited for until then"
  const said = `waiting ${paused}\nwaiting ${unserved}\ngoing on what it waited for is there\n`
  const why = (text?: string) => ({ ...waiting, queue: { ...waiting.queue, notice: text }, poll_after_ms: 1 })
  answers["/v1/classifications/cls_made"] = [why(), why(paused), why(paused), why(unserved), why(), compressed]
  expect((await ticket("--wait", "cls_made")).err).toBe(said)
  const whyBatch = (text?: string) => ({ ...batch, notice: text, poll_after_ms: 1 })
  const done = { ...batch, done: true }
  answers["/v1/batches/bat_1"] = [
    whyBatch(),
    whyBatch(paused),
    whyBatch(unserved),
    whyBatch(unserved),
    whyBatch(),
    done,
  ]
  expect((await ticket("--wait", "bat_1")).err).toBe(said)
})

it("of several tickets that wait, each reason is said once, and that all of them go on", () => {
  const said: string[] = []
  const see = sayNotices((line) => said.push(line))
  const [paused, unserved] = [(id: string) => `Paused: until ${id}`, (id: string) => `Unserved: until ${id}`]
  for (const id of ["a", "b"]) see(id, { done: false, notice: paused(id) })
  for (const id of ["a", "b"]) see(id, { done: false, notice: unserved(id) })
  // One that is worked on has nothing to wait for; the other still has.
  for (const id of ["c", "a", "b"]) see(id, { done: false, notice: undefined })
  see("b", { done: false, notice: paused("b") })
  see("b", { done: true, notice: undefined })
  expect(said).toEqual([
    "waiting Paused: until a",
    "waiting Unserved: until a",
    "going on what it waited for is there",
    "waiting Paused: until b",
  ])
})

it("shows a batch by its id", async () => {
  const { out, code } = await ticket("bat_1")
  expect([out, code]).toEqual([expect.stringMatching(/^bat_1 {2}processing\n {2}done +1 of 3 images\n/), 0])
  expect(out).toContain("http://edge/results")
})

it("a failure names its ticket and stops none of the others, as JSON too", async () => {
  expect(await ticket("cls_no", "cls_made")).toMatchObject({
    ...{ code: 1, err: "error cls_no: There is no such ticket, or it belongs to an API key (--key) (not_found)\n" },
    out: expect.stringContaining("cls_made"),
  })
  const lines = (await ticket("--json", "cls_no", "bat_no", "cls_made")).out.trimEnd().split("\n")
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { id: "cls_no", error: { code: "not_found" } },
    { id: "bat_no", error: { code: "not_found" } },
    { id: "cls_made", status: "succeeded" },
  ])
})

it("shows each attempt that ended, with its classifier and reason", async () => {
  const attempt = { attempt: 1, started_at: created_at, ended_at: "2026-01-01T00:00:02.000Z", classifier: "host-7-abc" }
  answers["/v1/classifications/cls_made"] = [
    { ...compressed, attempts: 2, attempt_history: [{ ...attempt, reason: "the lane died" }] },
  ]
  expect((await ticket("cls_made")).out).toContain("attempt 1 the lane died (2.0 s, host-7-abc)")
})

it("--retry submits again what failed, and shows the new ticket", async () => {
  answers["/v1/classifications/cls_made/retry"] = [{ ...waiting, id: "cls_new", retry_of: "cls_made" }]
  const shown = await ticket("cls_made", "--retry")
  expect(shown).toMatchObject({ code: 0, err: "" })
  expect(shown.out).toMatch(/^cls_new/)
  expect(shown.out).toContain("retry of  cls_made")
  answers["/v1/batches/bat_1/retry"] = [{ ...batch, id: "bat_2", retry_of: "bat_1" }]
  expect((await ticket("bat_1", "--retry")).out).toContain("bat_2")
  expect(await ticket("cls_gone", "--retry")).toMatchObject({ code: 1 })
})

import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Command } from "commander"
import { afterEach, beforeEach, expect, it } from "vitest"
import { addBatchCommand } from "../../src/cli/batch/batch-command.ts"
import type { BatchTicket } from "../../src/lib/batches/batch-ticket.ts"

let folder: string
let server: Server
let url: string
let asked: string[]

/** An edge that has one batch, of one row, until somebody cancels it. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "claimcheck-batch-"))
  asked = []
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    const isCanceled = asked.includes("DELETE /v1/batches/bat_1")
    if (request.url?.includes("/results")) response.setHeader("next-after", 1).setHeader("results-complete", "true")
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

import { createHash } from "node:crypto"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import type { Ticket } from "../../src/lib/tickets/ticket.ts"
import { flatJpeg, flatPng } from "../support/images/images.ts"
import { runCli, type Stack, startStack } from "../support/stack/stack-harness.ts"

const PICTURE = flatPng([200, 30, 40], { width: 64, height: 48 })
/** What stands behind the end of a JPEG changes nothing of it. */
const LARGE = Buffer.concat([flatJpeg([200, 30, 40]), Buffer.alloc(3_000_000)])

/** Requests that the host has not answered yet. */
const open: ServerResponse[] = []
let answersAtOnce = true
let asked = 0
let largeBytesSent = 0
let origin: string
let stack: Stack

const host = createServer((request, response) => {
  if (request.url?.startsWith("/large")) {
    const last = /^bytes=0-(\d+)$/.exec(request.headers.range ?? "")?.[1]
    const part = LARGE.subarray(0, last === undefined ? LARGE.length : Number(last) + 1)
    largeBytesSent += part.length
    const range = { "content-range": `bytes 0-${part.length - 1}/${LARGE.length}` }
    return void response.writeHead(last === undefined ? 200 : 206, last === undefined ? {} : range).end(part)
  }
  asked++
  if (answersAtOnce) response.end(PICTURE)
  else open.push(response)
})

beforeAll(async () => {
  await new Promise<void>((resolve) => host.listen(0, "127.0.0.1", resolve))
  const address = `127.0.0.1:${(host.address() as AddressInfo).port}`
  origin = `http://${address}`
  stack = await startStack(["--edge", "node"], { ALLOW_ADDRESSES: address, LEASE_MS: "2000" })
  await stack.printed(/^ready /m)
})
afterAll(async () => {
  await stack?.dispose()
  host.closeAllConnections()
  host.close()
})

async function submit(image_url: string, options: Record<string, unknown> = {}): Promise<Ticket> {
  const response = await fetch(`${stack.url}/v1/classifications`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ image_url, ...options }),
  })
  expect(response.status).toBe(202)
  return (await response.json()) as Ticket
}
const read = async ({ id }: Ticket) => (await (await fetch(`${stack.url}/v1/classifications/${id}`)).json()) as Ticket
const done = async (ticket: Ticket) => {
  await expect.poll(async () => (await read(ticket)).done, { timeout: 60_000, interval: 200 }).toBe(true)
  return read(ticket)
}

test("a picture that is named by its URL is classified, and inspected, and its ticket says what it is", async () => {
  const image = { format: "png", width: 64, height: 48, bytes: PICTURE.length }
  const classified = await done(await submit(`${origin}/a.png`, { top_k: 3, output: "scores" }))
  expect(classified).toMatchObject({ status: "succeeded", image, image_url: `${origin}/a.png` })
  expect([classified.predictions?.length, classified.scores?.length]).toEqual([3, 1_000])
  expect(await done(await submit(`${origin}/a.png`, { operation: "inspect" }))).toMatchObject({
    status: "succeeded",
    image,
  })
})

test("of large pictures that are inspected, alone and in a batch, the first bytes are on the wire, and all of them for the hash", async () => {
  const image = { format: "jpeg", width: 32, height: 32, bytes: LARGE.length }
  const alone = await done(await submit(`${origin}/large.jpg`, { operation: "inspect" }))
  expect(alone).toMatchObject({ status: "succeeded", image })
  expect(alone.image).not.toHaveProperty("sha256")
  expect(largeBytesSent).toBe(65_536)

  const list = ["url", ...[1, 2, 3].map((n) => `${origin}/large-${n}.jpg`)].join("\n")
  const accepted = await fetch(`${stack.url}/v1/batches?operation=inspect`, {
    method: "POST",
    headers: { "content-type": "text/csv" },
    body: list,
  })
  const { id } = (await accepted.json()) as { id: string }
  const batch = `${stack.url}/v1/batches/${id}`
  const isDone = async () => ((await (await fetch(batch)).json()) as { done: boolean }).done
  await expect.poll(isDone, { timeout: 60_000, interval: 200 }).toBe(true)
  const results = await (await fetch(`${batch}/results?format=jsonl`)).text()
  expect(results.match(new RegExp(String(LARGE.length), "g"))).toHaveLength(3)
  expect(largeBytesSent).toBe(4 * 65_536)

  const hashed = await done(await submit(`${origin}/large.jpg`, { operation: "inspect", sha256: true }))
  expect(hashed.image?.sha256).toMatch(/^[0-9a-f]{64}$/)
  expect(largeBytesSent).toBe(4 * 65_536 + LARGE.length)
})

test("a picture at an address that is not public fails, and says so", async () => {
  const ticket = await done(await submit("https://10.0.0.1/a.png"))
  expect(ticket).toMatchObject({ status: "failed", error: { code: "url_refused" } })
})

test("a job whose classifier is killed while it fetches is fetched again by the next, and answered once", async () => {
  answersAtOnce = false
  const before = asked
  const tickets = await Promise.all(["b", "c", "d"].map((name) => submit(`${origin}/${name}.png`)))
  await expect.poll(() => asked - before, { timeout: 30_000 }).toBe(3)
  process.kill(-stack.groupOf("classifier"), "SIGKILL")
  answersAtOnce = true
  for (const response of open) response.end(PICTURE)
  for (const ticket of await Promise.all(tickets.map(done))) {
    expect(ticket).toMatchObject({ status: "succeeded", attempts: 2 })
  }
})

test("jobs whose classifier is asked to leave while it fetches are given back, and that was no attempt", async () => {
  answersAtOnce = false
  const before = asked
  const tickets = await Promise.all([submit(`${origin}/e.png`), submit(`${origin}/e.png`, { operation: "inspect" })])
  await expect.poll(() => asked - before, { timeout: 30_000 }).toBe(2)
  process.kill(-stack.groupOf("classifier"), "SIGTERM")
  answersAtOnce = true
  for (const ticket of await Promise.all(tickets.map(done))) {
    expect(ticket).toMatchObject({ status: "succeeded", attempts: 1 })
  }
  expect(asked - before).toBe(4)
})

test("a ticket that is canceled while its picture is fetched ends the fetch", async () => {
  answersAtOnce = false
  onTestFinished(() => {
    answersAtOnce = true
  })
  const ticket = await submit(`${origin}/f.png`)
  await expect.poll(() => open.some(({ req }) => req.url === "/f.png"), { timeout: 30_000 }).toBe(true)
  const fetching = open.find(({ req }) => req.url === "/f.png")
  expect(fetching?.destroyed).toBe(false)
  await fetch(`${stack.url}/v1/classifications/${ticket.id}`, { method: "DELETE" })
  // Long before the fetch's own time-out.
  await expect.poll(() => fetching?.destroyed, { timeout: 5_000 }).toBe(true)
  expect((await read(ticket)).status).toBe("canceled")
})

describe("the command line", () => {
  const cli = (...args: string[]) => runCli(args, { ...stack.env, CLAIMCHECK_URL: stack.url, NO_COLOR: "1" })

  test("classifies a URL as it does a file, and leaves out what is not probable enough", async () => {
    const url = `${origin}/a.png`
    const [all, probable, none] = await Promise.all(
      [[], ["--threshold", "0.0001"], ["--threshold", "1"]].map(async (more) => {
        const { code, stdout, stderr } = await cli(
          "classify",
          "--json",
          "--top-k",
          "1000",
          "--lang",
          "de",
          ...more,
          url,
        )
        expect([code, stderr]).toEqual([0, ""])
        return JSON.parse(stdout) as Ticket & { file: string }
      }),
    )
    expect(all).toMatchObject({ file: url, image_url: url, image: { width: 64, height: 48 } })
    const expected = all?.predictions?.filter(({ probability }) => probability >= 0.0001)
    expect(expected?.length).toBeLessThan(1_000)
    expect(probable?.predictions?.map(({ label }) => label)).toEqual(expected?.map(({ label }) => label))
    expect(none?.predictions).toEqual([])
  })

  test("inspects a URL, and writes what is made of one under its name", async () => {
    const folder = mkdtempSync(join(tmpdir(), "claimcheck-url-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    expect((await cli("inspect", `${origin}/large.jpg`)).stdout).toBe(`${origin}/large.jpg  32×32 · jpeg · 3.0 MB\n`)
    const hashed = JSON.parse((await cli("inspect", "--sha256", "--json", `${origin}/large.jpg`)).stdout) as Ticket
    expect(hashed.image?.sha256).toBe(createHash("sha256").update(LARGE).digest("hex"))
    const made = await cli("resize", "--width", "16", "--format", "png", "--out", folder, `${origin}/one/a.png?b=c/d`)
    expect([made.code, made.stderr]).toEqual([0, ""])
    expect(readdirSync(folder)).toEqual(["a.png"])
  })

  test("tells which URL could not be fetched, and which option cannot be", async () => {
    const { code, stderr } = await cli("classify", "https://10.0.0.1/a.png")
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/^error https:\/\/10\.0\.0\.1\/a\.png: .*\(url_refused\)\n$/),
    ])
    expect(await cli("classify", "--threshold", "1.5", "a.png")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Expected a number from 0 to 1"),
    })
  })
})

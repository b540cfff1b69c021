import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { Ticket } from "../../src/lib/ticket.ts"
import { flatPng } from "../support/images.ts"
import { type Stack, startStack } from "./stack-harness.ts"

const PICTURE = flatPng([200, 30, 40], { width: 64, height: 48 })

/** Requests that the host has not answered yet. */
const open: ServerResponse[] = []
let answersAtOnce = true
let asked = 0
let origin: string
let stack: Stack

const host = createServer((_request, response) => {
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

import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import sharp from "sharp"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { Claimcheck } from "../../src/lib/client/claimcheck.ts"
import { jobCost } from "../../src/lib/queue/job-cost.ts"
import { newJobId } from "../../src/lib/queue/job-id.ts"
import { JobStore } from "../../src/lib/queue/job-store.ts"
import { Operator } from "../../src/lib/queue/operator.ts"
import { createKeys } from "../../src/lib/redis/keys.ts"
import { connectRest } from "../../src/lib/redis/rest.ts"
import type { Ticket } from "../../src/lib/tickets/ticket.ts"
import { flatPng } from "../support/images/images.ts"
import { type Stack, startStack } from "../support/stack/stack-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../support/store/store-limits.ts"

const BACKLOG = 5_000
/** What two lanes may hold and have asked for when the picture arrives. */
const IN_HAND = 8
const KEY = "a-key-of-the-busy-one"

let stack: Stack
beforeAll(async () => {
  const sha256 = createHash("sha256").update(KEY).digest("hex")
  stack = await startStack(["--edge", "node"], { API_KEYS: `busy:${sha256}` })
  await stack.printed(/^ready /m)
})
afterAll(() => stack.dispose())

const storeOf = (rest = redisOfStack()) => new JobStore(rest, createKeys(), DEFAULT_STORE_LIMITS)
const operatorOf = (rest = redisOfStack()) => new Operator(rest, createKeys(), DEFAULT_STORE_LIMITS)

function redisOfStack() {
  const secrets = JSON.parse(readFileSync(join(stack.home, "secrets.json"), "utf8")) as { gatewayToken: string }
  return connectRest({ url: `http://127.0.0.1:${stack.env.GATEWAY_PORT}`, token: secrets.gatewayToken })
}

describe("one caller's large pictures", () => {
  test("are worked on as often as their work allows: another's small ones do not wait for as many of them", async () => {
    const large = new Uint8Array(
      await sharp({ create: { width: 5_000, height: 5_000, channels: 3, background: "#336699" } })
        .png()
        .toBuffer(),
    )
    const operation = { name: "classify", topK: 5 } as const
    const cost = jobCost({ operation, image: { format: "png", width: 5_000, height: 5_000 } })
    const [busy, small] = [new Claimcheck({ url: stack.url, key: KEY }), new Claimcheck({ url: stack.url })]
    const submit = (client: Claimcheck, image: Uint8Array, count: number) =>
      Promise.all(Array.from({ length: count }, () => client.submit(image, { noCache: true })))

    await operatorOf().pause()
    const larges = await submit(busy, large, 10)
    const smalls = await submit(small, new Uint8Array(flatPng([1, 2, 3])), 2 * cost)
    await operatorOf().resume()
    const startedAt = async (tickets: typeof larges) =>
      (await Promise.all(tickets.map(async (ticket) => (await ticket.result()).started_at ?? ""))).sort()
    const [largeStarts, smallStarts] = await Promise.all([startedAt(larges), startedAt(smalls)])
    const startedBefore = largeStarts.filter((instant) => instant < (smallStarts.at(-1) ?? ""))
    // Two of them are as much work; what the lanes have in hand comes on top.
    expect(startedBefore.length).toBeLessThanOrEqual(2 + 4)
  })
})

describe("one caller's 5,000 jobs", () => {
  test("do not start before another's single picture, but for what the lanes have in hand", async () => {
    const store = storeOf()
    await operatorOf().pause()
    const busyIds = await fillQueue(store)
    await operatorOf().resume()

    const client = new Claimcheck({ url: stack.url })
    const lone: Ticket[] = []
    for (let i = 0; i < 11; i++) {
      lone.push(await client.classify(new Uint8Array(flatPng([i, 100, 200])), { noCache: true }))
    }

    const busyStartsMs = await startsMsOf(store, busyIds)
    expect(busyStartsMs.length).toBeLessThan(BACKLOG)
    for (const { created_at, started_at } of lone) {
      const [fromMs, untilMs] = [Date.parse(created_at), Date.parse(started_at ?? "")]
      const between = busyStartsMs.filter((startMs) => startMs > fromMs && startMs < untilMs)
      expect(between.length).toBeLessThanOrEqual(IN_HAND)
    }
  })
})

/** When a classifier began with those of the jobs that it has begun, in Unix ms: they are begun in the order they came. */
async function startsMsOf(store: JobStore, ids: string[]): Promise<number[]> {
  const startsMs: number[] = []
  for (let i = 0; i < ids.length; i += 50) {
    const jobs = await Promise.all(ids.slice(i, i + 50).map((id) => store.read(id)))
    const begun = jobs.flatMap((job) => (job !== null && "startedMs" in job ? [job.startedMs ?? 0] : []))
    if (begun.length === 0) break
    startsMs.push(...begun)
  }
  return startsMs
}

/** As the edge would, but without reading 5,000 uploads. */
async function fillQueue(store: JobStore): Promise<string[]> {
  const ids: string[] = []
  let next = 0
  const fill = async () => {
    while (next++ < BACKLOG) {
      const bytes = new Uint8Array(flatPng([next % 256, next >> 8, 7]))
      const [id, payloadId] = [newJobId(Date.now()), newJobId(Date.now())]
      ids.push(id)
      const image = { format: "png", width: 1, height: 1, bytes: bytes.length, sha256: "", orientation: 1 }
      await store.putPayload(payloadId, bytes)
      await store.enqueue({
        id,
        payloadId,
        model: "efficientnet_lite0",
        queue: "efficientnet_lite0",
        caller: "key:busy",
        weight: 1,
        createdMs: Date.now(),
        deadlineMs: Date.now() + 3_600_000,
        maxAttempts: 3,
        input: {
          ticketId: id,
          operation: { name: "classify", topK: 1 },
          source: { kind: "payload" },
          image,
          fingerprint: "",
        },
      })
    }
  }
  await Promise.all(Array.from({ length: 16 }, fill))
  return ids
}

import { readFileSync } from "node:fs"
import { createClient } from "@redis/client"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { HeldWaits, MAX_HELD_PER_CALLER } from "../../../src/edge/limits/held-waits.ts"
import type { Services } from "../../../src/edge/services.ts"
import { OverdueWakes } from "../../../src/edge/tickets/overdue-wakes.ts"
import { addressCaller } from "../../../src/lib/callers/caller-id.ts"
import { outputIdOf } from "../../../src/lib/outputs/output-id.ts"
import { StoredOutputs } from "../../../src/lib/outputs/stored-outputs.ts"
import { sleep } from "../../../src/lib/sleep.ts"
import { FakeClassifier } from "../../support/edge/edge-classifier.ts"
import { readDocument } from "../../support/edge/edge-document.ts"
import { openInProcess } from "../../support/edge/edge-in-process.ts"
import { ALICE, edgeEnv, type RunningEdge } from "../../support/edge/edge-runtime.ts"
import { uniqueJpeg } from "../../support/images/edge-images.ts"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../support/redis/redis-server.ts"
import { BatchWorker } from "../../support/store/batch-worker.ts"
import { billFor } from "../../support/store/billing.ts"
import type { Client } from "../../support/store/store-audit.ts"

/** Rows of the table in docs/costs.md: "| `GET /v1/queue` | anew | 7 |". */
const BUDGET = [
  ...readFileSync(new URL("../../../docs/costs.md", import.meta.url), "utf8").matchAll(
    /^\| `((?:GET|POST|DELETE) \S+)` \| (.*?) \| (\d+) \|$/gm,
  ),
].map(([, route = "", what = "", most]) => ({ route, what, most: Number(most) }))

let server: TestRedis
let gateway: TestGateway
let client: Client
let classifier: FakeClassifier
let env: Record<string, string>
beforeAll(async () => {
  server = await startRedis()
  gateway = await startGateway({ redisUrl: server.url })
  client = createClient({ url: server.url })
  await client.connect()
  classifier = new FakeClassifier(gateway)
  env = await edgeEnv(gateway)
})
afterAll(async () => {
  client.destroy()
  await gateway.close()
  await server.stop()
})

/** An edge that has served before: what it remembers of the registry is fresh. */
let edge: RunningEdge
/** One whose waits pass at once, by its own clock. */
let patient: RunningEdge
async function startAnew(): Promise<void> {
  await client.flushAll()
  await classifier.arrive()
  edge = openInProcess(env)
  patient = openPatient()
  for (const each of [edge, patient]) await each.request("/v1/models")
}
beforeEach(startAnew)

function openPatient(): RunningEdge {
  let nowMs = Date.now()
  const now = () => nowMs
  const sleep = async (ms: number) => {
    nowMs += ms
  }
  const change: Partial<Services> = { now, sleep, overdueWakes: new OverdueWakes(now) }
  return openInProcess(env, change)
}

const LIST = ["url", ...Array.from({ length: 5 }, (_row, i) => `https://example.com/${i}.jpg`)].join("\n")
const OWN = { authorization: `Bearer ${ALICE}` }
const WAIT = { prefer: "wait=30" }

const post = (path: string, headers: Record<string, string> = {}, at = edge) =>
  at.request(path, { method: "POST", body: uniqueJpeg(), headers })
const postList = (query = "") =>
  edge.request(`/v1/batches${query}`, { method: "POST", body: LIST, headers: { "content-type": "text/csv" } })
const get = (path: string, headers: Record<string, string> = {}, at = edge) => at.request(path, { headers })
const idOf = async (response: Response) => ((await response.json()) as { id: string }).id
const submitted = async (query = "") => idOf(await post(`/v1/classifications${query}`))
async function finished(query = ""): Promise<string> {
  const id = await submitted(query)
  await classifier.work()
  return id
}
async function withOutput(): Promise<string> {
  const id = await finished()
  const jobId = id.slice(4, 30)
  const outputs = new StoredOutputs(classifier.redis, classifier.keys, {
    maxBytes: 8e6,
    maxAllBytes: 1e9,
    ttlMs: 60_000,
  })
  const output = { bytes: new Uint8Array(9), caller: "ip:somebody", contentType: "image/webp", sha256: "5ha" }
  await outputs.put(jobId, output, { nowMs: Date.now() })
  return outputIdOf(jobId, id)
}
async function canceledBatch(): Promise<string> {
  const id = await idOf(await postList(webhook))
  await edge.request(`/v1/batches/${id}`, { method: "DELETE" })
  return id
}
const many = async <T>(count: number, call: () => Promise<T>) => Promise.all(Array.from({ length: count }, call))
const ticket = (id: string) => `/v1/classifications/${id}`
const webhook = `?webhook_url=${encodeURIComponent("https://example.com/hook")}`

/** What happens before, and then the requests that are paid for. */
type Scenario = () => Promise<() => Promise<unknown>>
const pure =
  (path: string): Scenario =>
  async () =>
  () =>
    get(path)

const SCENARIOS: Record<string, Scenario> = {
  "POST /v1/classifications | a picture": async () => () => submitted(),
  "POST /v1/classifications | with `Prefer: wait=30`, while the queue is paused": async () => () =>
    post("/v1/classifications", WAIT, patient),
  "POST /predict | while the queue is paused, 30 s": async () => () => post("/predict", {}, patient),
  "GET /v1/classifications/{id} | that is done": async () => {
    const id = await finished()
    return () => get(ticket(id))
  },
  "GET /v1/classifications/{id} | that waits": async () => {
    const id = await submitted()
    return () => get(ticket(id))
  },
  "GET /v1/classifications/{id} | with `Prefer: wait=30`, while the queue is paused": async () => {
    const id = await submitted()
    return () => get(ticket(id), WAIT, patient)
  },
  "GET /v1/classifications/{id} | that we did not sign": async () => () => get(ticket("cls_nobody")),
  "DELETE /v1/classifications/{id} | that waits": async () => {
    const id = await submitted()
    return () => edge.request(ticket(id), { method: "DELETE" })
  },
  "GET /v1/classifications/{id}/deliveries | ": async () => {
    const id = await finished(webhook)
    return () => get(`${ticket(id)}/deliveries`)
  },
  "GET /v1/jobs | 5 that wait": async () => {
    await many(5, () => post("/v1/classifications", OWN))
    return () => get("/v1/jobs", OWN)
  },
  "POST /v1/jobs/cancel | 5 that wait": async () => {
    await many(5, () => post("/v1/classifications", OWN))
    return () => edge.request("/v1/jobs/cancel?state=queued", { method: "POST", headers: OWN })
  },
  "POST /v1/classifications/{id}/deliveries | ": async () => {
    const id = await finished(webhook)
    return () => edge.request(`${ticket(id)}/deliveries`, { method: "POST" })
  },
  "POST /v1/classifications/{id}/retry | of an image that is stored": async () => {
    const id = await submitted()
    for (const { id: jobId, leaseToken } of await classifier.claim())
      await classifier.store.retry({ jobId, token: leaseToken }, "died", {
        nowMs: Date.now(),
        counts: true,
        aside: true,
      })
    return () => edge.request(`${ticket(id)}/retry`, { method: "POST" })
  },
  "POST /v1/batches/{id}/retry | of 5 images, in one piece": async () => {
    const id = await idOf(await postList("?operation=inspect"))
    const failure = { state: "failed", error: { code: "fetch_failed", message: "gone" } } as const
    await new BatchWorker(gateway).work("@inspect@url", () => failure)
    return () => edge.request(`/v1/batches/${id}/retry`, { method: "POST" })
  },
  "POST /v1/batches | of a list in one piece": async () => () => postList(),
  "GET /v1/batches/{id} | ": async () => {
    const id = await idOf(await postList())
    return () => get(`/v1/batches/${id}`)
  },
  "DELETE /v1/batches/{id} | of which nothing has begun": async () => {
    const id = await idOf(await postList())
    return () => edge.request(`/v1/batches/${id}`, { method: "DELETE" })
  },
  "GET /v1/batches/{id}/results | up to 500 pictures": async () => {
    const id = await idOf(await postList("?operation=inspect"))
    await new BatchWorker(gateway).work("@inspect@url")
    return async () => (await get(`/v1/batches/${id}/results`)).text()
  },
  "GET /v1/batches/{id}/deliveries | ": async () => {
    const id = await canceledBatch()
    return () => get(`/v1/batches/${id}/deliveries`)
  },
  "POST /v1/batches/{id}/deliveries | ": async () => {
    const id = await canceledBatch()
    return () => edge.request(`/v1/batches/${id}/deliveries`, { method: "POST" })
  },
  "GET /v1/outputs/{id} | ": async () => {
    const id = await withOutput()
    return () => get(`/v1/outputs/${id}`)
  },
  "GET /v1/models | a hundred at once, in any ten seconds": async () => {
    const cold = openInProcess(env)
    return () => many(100, () => get("/v1/models", {}, cold))
  },
  "GET /v1/queue | a hundred at once, in any second; 2 of them once a minute": async () => {
    await submitted()
    return () => many(100, () => get("/v1/queue"))
  },
  "GET /readyz | a hundred at once, in any second; 2 of them once a minute": async () => () =>
    many(100, () => get("/readyz")),
  "GET /healthz | ": pure("/healthz"),
  "GET / | ": pure("/"),
  "GET /page/{name} | ": pure("/page/page.css"),
  "GET /v1/samples | ": pure("/v1/samples"),
  "GET /openapi.json | ": pure("/openapi.json"),
  "GET /docs | ": pure("/docs"),
  "GET /llms.txt | ": pure("/llms.txt"),
  "GET /llms-full.txt | ": pure("/llms-full.txt"),
}

describe("docs/costs.md", () => {
  it("has a budget for every route that there is", async () => {
    const { paths } = await readDocument()
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect([...new Set(BUDGET.map(({ route }) => route))].sort()).toEqual(routes.sort())
  })

  it("has no budget that is not held here", () => {
    expect(BUDGET.map(({ route, what }) => `${route} | ${what}`).sort()).toEqual(Object.keys(SCENARIOS).sort())
  })
})

describe("Redis commands of a request, as Upstash bills them", () => {
  it.each(BUDGET)("are at most $most for $route $what", async ({ route, what, most }) => {
    const scenario = SCENARIOS[`${route} | ${what}`] as Scenario
    // A script that Redis has not seen before is sent twice.
    await (await scenario())()
    await startAnew()
    const pay = await scenario()
    const bill = await billFor(client, pay)
    expect(bill.total, JSON.stringify(bill.commands)).toBeLessThanOrEqual(most)
    // A budget that is far too large holds nothing.
    expect(bill.total).toBeGreaterThanOrEqual(Math.floor(most * 0.6))
  })

  it("are none for a wait beyond those that are held for one caller: its ticket comes at once, from /predict too", async () => {
    const heldWaits = new HeldWaits(Date.now)
    const full = openInProcess(env, { heldWaits })
    const ended = new AbortController()
    const caller = addressCaller("203.0.113.7")
    const held = Array.from({ length: MAX_HELD_PER_CALLER }, () =>
      heldWaits.hold(caller, 30_000, () => sleep(30_000, ended.signal)),
    )
    const id = await submitted()
    const response = await get(ticket(id), WAIT, full)
    expect(response.headers.get("preference-applied")).toBeNull()
    expect(await response.json()).toMatchObject({ status: "queued", done: false })
    const predicted = await post("/predict", {}, full)
    const problem = await predicted.json()
    expect(predicted.status).toBe(503)
    expect(problem).toMatchObject({
      code: "result_pending",
      success: false,
      detail: expect.stringContaining("within 0 s"),
    })
    expect((await get(ticket((problem as { ticket: string }).ticket), {}, full)).status).toBe(200)
    ended.abort()
    await Promise.all(held)
    await classifier.work()
    expect((await get(ticket(id), WAIT, full)).headers.get("preference-applied")).toBe("wait=30")
  })
})

describe("READ_LIMIT", () => {
  it("holds whatever is no submit, without a command, and says when to go on", async () => {
    const limited = openInProcess({ ...env, READ_LIMIT: "3/1h" })
    const id = await submitted()
    const bill = await billFor(client, async () => {
      for (let i = 0; i < 3; i++) expect((await get(ticket(id), {}, limited)).status).toBe(200)
    })
    const refused = await billFor(client, async () => {
      for (const path of [ticket(id), "/v1/queue", "/v1/models", "/v1/batches/b", "/v1/outputs/o"]) {
        const response = await get(path, {}, limited)
        expect(response.status, path).toBe(429)
        expect(await response.json()).toMatchObject({
          code: "rate_limited",
          detail: expect.stringContaining("3 requests"),
        })
        expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(1_000)
      }
      for (const path of [`${ticket(id)}/deliveries`, "/v1/batches/b/deliveries"]) {
        expect((await post(path, {}, limited)).status, `POST ${path}`).toBe(429)
      }
    })
    expect([bill.total > 0, refused.total]).toEqual([true, 0])
    expect((await post("/v1/classifications", {}, limited)).status).toBe(202)
    for (const path of ["/healthz", "/readyz"]) expect((await get(path, {}, limited)).status).toBe(200)
  })
})

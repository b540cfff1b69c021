import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { Claimcheck } from "../../../src/lib/client/claimcheck.ts"
import { conforming } from "../../contract/conforming-edge.ts"
import { startBackend } from "../../support/edge/edge-backend.ts"
import { AWAKE, FakeClassifier } from "../../support/edge/edge-classifier.ts"
import { openInProcess } from "../../support/edge/edge-in-process.ts"
import { ALICE, type Backend, BOB, edgeEnv, type RunningEdge } from "../../support/edge/edge-runtime.ts"
import { uniqueJpeg } from "../../support/images/edge-images.ts"

let backend: Backend
let classifier: FakeClassifier
let edge: RunningEdge
beforeAll(async () => {
  backend = await startBackend()
  classifier = new FakeClassifier(backend)
})
afterAll(() => backend?.stop())
beforeEach(async () => {
  await classifier.sdk.flushall()
  await classifier.arrive()
  edge = await conforming({ startBackend, openEdge: async (env) => openInProcess(env) }).openEdge(
    await edgeEnv(backend),
  )
})
afterEach(() => edge.close())

const as = (key: string) => ({ authorization: `Bearer ${key}` })
async function submit(key: string, query = ""): Promise<string> {
  const init = { method: "POST", body: uniqueJpeg(), headers: as(key) }
  const response = await edge.request(`/v1/classifications?model=${AWAKE}${query}`, init)
  return ((await response.json()) as { id: string }).id
}
const clientOf = (key: string) =>
  new Claimcheck({
    url: "http://edge.test",
    key,
    fetch: ((url: string, init: RequestInit) =>
      edge.request(new URL(url).pathname + new URL(url).search, init)) as typeof fetch,
  })
async function listed(key: string, options: Parameters<Claimcheck["jobs"]>[0] = {}): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of clientOf(key).jobs(options)) ids.push(id)
  return ids
}

describe("GET /v1/jobs", () => {
  it("lists a key's own open tickets, and nobody else's", async () => {
    const [first, second, bobs] = [await submit(ALICE), await submit(ALICE), await submit(BOB)]
    const list = { method: "POST", body: '["https://a.example/1"]', headers: as(ALICE) }
    await edge.request("/v1/batches?operation=inspect", list)
    expect(await listed(ALICE)).toEqual([first, second])
    expect(await listed(BOB)).toEqual([bobs])
    const { tickets } = (await (await edge.request("/v1/jobs", { headers: as(ALICE) })).json()) as { tickets: object[] }
    expect(tickets[0]).toMatchObject({ id: first, status: "queued", done: false, model: { id: AWAKE } })
    await classifier.work()
    expect(await listed(ALICE)).toEqual([])
  })

  it("filters by state, model and age, page by page", async () => {
    const ids = [await submit(ALICE), await submit(ALICE), await submit(ALICE)]
    const seen: string[] = []
    for (let query = "?limit=1&state=queued"; query !== ""; ) {
      const response = await edge.request(`/v1/jobs${query}`, { headers: as(ALICE) })
      const { tickets, cursor } = (await response.json()) as { tickets: { id: string }[]; cursor: string | null }
      seen.push(...tickets.map(({ id }) => id))
      query = cursor === null ? "" : `?limit=1&state=queued&cursor=${encodeURIComponent(cursor)}`
    }
    expect(seen).toEqual(ids)
    expect(await listed(ALICE, { state: "processing" })).toEqual([])
    expect(await listed(ALICE, { model: AWAKE })).toEqual(ids)
    expect(await listed(ALICE, { model: "another" })).toEqual([])
    expect(await listed(ALICE, { olderThanMs: 3_600_000 })).toEqual([])
    await classifier.claim()
    expect(await listed(ALICE, { state: "processing" })).not.toEqual([])
  })

  it("is refused to callers without a key, whose tickets open to whoever has them; and with a cursor of another list", async () => {
    for (const [path, method] of [
      ["/v1/jobs", "GET"],
      ["/v1/jobs/cancel?state=queued", "POST"],
    ] as const) {
      const response = await edge.request(path, { method })
      expect([response.status, await response.json()]).toEqual([401, expect.objectContaining({ code: "unauthorized" })])
    }
    for (const query of ["cursor=x", "state=done", "limit=0", "limit=101", "older_than_ms=1h", "modell=m"]) {
      const response = await edge.request(`/v1/jobs?${query}`, { headers: as(ALICE) })
      expect([query, response.status, await response.json()]).toEqual([
        query,
        422,
        expect.objectContaining({ code: "invalid_options" }),
      ])
    }
  })
})

describe("POST /v1/jobs/cancel", () => {
  it("cancels a key's own jobs that match, a page at a time, and nobody else's", async () => {
    const own = await Promise.all(Array.from({ length: 23 }, () => submit(ALICE)))
    const bobs = await submit(BOB)
    const response = await edge.request("/v1/jobs/cancel?state=queued", { method: "POST", headers: as(ALICE) })
    expect(await response.json()).toEqual({ canceled: 20, cursor: expect.any(String) })
    expect(await clientOf(ALICE).cancelJobs({ state: "queued", model: "another" })).toBe(0)
    expect(await clientOf(ALICE).cancelJobs({ state: "queued" })).toBe(3)
    expect(await listed(ALICE)).toEqual([])
    expect(await listed(BOB)).toEqual([bobs])
    for (const id of own) {
      const ticket = await (await edge.request(`/v1/classifications/${id}`, { headers: as(ALICE) })).json()
      expect(ticket).toMatchObject({ status: "canceled" })
    }
  })

  it("cancels all that are worked on, though leases of one claim end together", async () => {
    const own = await Promise.all(Array.from({ length: 23 }, () => submit(ALICE)))
    const claim = {
      worker: "w",
      queues: [AWAKE],
      max: 23,
      nowMs: Date.now(),
      leaseMs: 60_000,
      token: "t",
      isIdle: true,
    }
    await classifier.store.claim(claim)
    expect(await listed(ALICE, { state: "processing" })).toHaveLength(own.length)
    expect(await clientOf(ALICE).cancelJobs({ state: "processing" })).toBe(own.length)
    expect(await listed(ALICE)).toEqual([])
  })

  it("asks for a state, so that nothing is canceled by a request that says nothing", async () => {
    const id = await submit(ALICE)
    expect((await edge.request("/v1/jobs/cancel", { method: "POST", headers: as(ALICE) })).status).toBe(422)
    expect(await listed(ALICE)).toEqual([id])
  })
})

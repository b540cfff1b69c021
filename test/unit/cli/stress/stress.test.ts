import { describe, expect, test } from "vitest"
import { histogram, quantile } from "../../../../src/cli/stress/latencies.ts"
import { runStress, type Sample, type StressOptions } from "../../../../src/cli/stress/run-stress.ts"
import { renderHistogram, renderReport, summarize } from "../../../../src/cli/stress/stress-report.ts"
import { plain } from "../../../../src/cli/terminal/terminal.ts"
import { ClaimcheckError } from "../../../../src/lib/client/claimcheck.ts"

const oneTo = (count: number) => Array.from({ length: count }, (_value, i) => i + 1)

test("quantile() is the nearest rank", () => {
  expect([0.5, 0.9, 0.99, 1, 0].map((share) => quantile(oneTo(100), share))).toEqual([50, 90, 99, 100, 1])
  expect(quantile([7], 0.5)).toBe(7)
  expect(quantile([], 0.5)).toBeNaN()
})

describe("histogram()", () => {
  test("counts every value once, in round steps", () => {
    const bins = histogram([3, 4, 18, 19, 95])
    expect(bins[0]).toEqual({ from_ms: 0, to_ms: 10, count: 2 })
    expect(bins.map(({ count }) => count)).toEqual([2, 2, 0, 0, 0, 0, 0, 0, 0, 1])
  })

  test.each([[[5]], [[5, 5, 5]], [[0.2, 0.3]], [[1_000, 13_000]], [[999.9, 13_001]], [oneTo(5_000)]])(
    "has at most a dozen steps and one, and loses nothing",
    (values) => {
      const bins = histogram(values)
      expect(bins.length).toBeLessThanOrEqual(13)
      expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(values.length)
      expect(bins[0]?.from_ms).toBeLessThanOrEqual(values[0] ?? 0)
      expect(bins.at(-1)?.to_ms).toBeGreaterThan(values.at(-1) ?? 0)
    },
  )

  test("of nothing is nothing", () => expect(histogram([])).toEqual([]))
})

describe("runStress()", () => {
  const image = { bytes: new Uint8Array([1]), contentType: "image/png" }
  const { signal } = new AbortController()
  const ticket = { id: "cls_1", status: "queued", done: false, poll_after_ms: 10 }
  const succeeded = { ...ticket, status: "succeeded", done: true, predictions: [] }

  /** An edge whose tickets are done at the second poll, but for every `failsEvery`th upload. */
  function edge(failsEvery = Number.POSITIVE_INFINITY) {
    const seen = { uploads: 0, open: 0, most: 0, noCache: 0 }
    const polls = new Map<string, number>()
    const fetchNow = (async (input: unknown, init: RequestInit = {}) => {
      if (init.method === "POST") {
        seen.most = Math.max(seen.most, ++seen.open)
        if (new Headers(init.headers).get("cache-control") === "no-cache") seen.noCache++
        if (++seen.uploads % failsEvery === 0) {
          seen.open--
          return Response.json({ code: "unsupported_image", detail: "No image" }, { status: 415 })
        }
        return Response.json({ ...ticket, id: `cls_${seen.uploads}` }, { status: 202 })
      }
      const id = String(input)
      polls.set(id, (polls.get(id) ?? 0) + 1)
      if (polls.get(id) === 1) return Response.json(ticket)
      seen.open--
      return Response.json(succeeded)
    }) as typeof fetch
    return { seen, fetchNow }
  }
  const options: StressOptions = { url: "http://edge.test", requests: 7, clients: 3, cached: false, signal }
  const tools = { done: () => undefined, sleep: async () => undefined }

  test("keeps as many clients busy as asked, waits for all, and counts polls", async () => {
    const { seen, fetchNow } = edge()
    const samples = await runStress([image], options, { ...tools, fetch: fetchNow })
    expect(seen).toMatchObject({ uploads: 7, most: 3, open: 0, noCache: 7 })
    expect(samples.map((sample) => "polls" in sample && sample.polls)).toEqual(new Array(7).fill(2))
  })

  test("goes on after a failure, and may take cached answers", async () => {
    const { seen, fetchNow } = edge(3)
    const samples = await runStress([image], { ...options, cached: true }, { ...tools, fetch: fetchNow })
    expect(seen).toMatchObject({ uploads: 7, noCache: 0 })
    expect(samples.filter((sample) => "failure" in sample)).toHaveLength(2)
  })

  test("starts one every so often, however many are open", async () => {
    const { seen, fetchNow } = edge()
    const waits: number[] = []
    const sleep = async (ms: number) => void waits.push(ms)
    await runStress([image], { ...options, everyMs: 50 }, { ...tools, sleep, fetch: fetchNow })
    expect(waits).toEqual(new Array(6).fill(50))
    expect(seen.uploads).toBe(7)
    expect(seen.most).toBeGreaterThan(3)
  })
})

describe("summarize() and renderReport()", () => {
  const good = oneTo(10).map((n): Sample => ({ ms: n * 10, polls: n % 2, cached: n === 1 }))
  const bad: Sample = { failure: new ClaimcheckError("queue_full", "The queue is full") }

  test("count what was answered and group what was not", () => {
    const report = summarize([...good, bad, bad], 2_000)
    expect(report).toMatchObject({
      requests: 12,
      answered: 10,
      failed: 2,
      cached: 1,
      per_second: 5,
      polls_per_ticket: 0.5,
      latency_ms: { min: 10, p50: 50, p90: 90, p99: 100, max: 100 },
      failures: [{ code: "queue_full", message: "The queue is full", count: 2 }],
    })
    const text = renderReport(report, plain)
    expect(text).toContain("10 of 12 answered in 2.0 s · 5.0/s · 0.50 polls per ticket · 1 answer known before")
    expect(text).toContain("p50 50 ms   p90 90 ms   p99 100 ms   max 100 ms")
    expect(text).toContain("2 failed: The queue is full (queue_full)")
  })

  test("have no latencies when nothing was answered", () => {
    const report = summarize([bad], 1_000)
    expect(report.latency_ms).toBeNull()
    expect(renderReport(report, plain).split("\n\n")).toHaveLength(2)
  })

  test("draw a bar for a count of one beside thousands, in one unit", () => {
    const bins = [
      { from_ms: 900, to_ms: 1_000, count: 5_000 },
      { from_ms: 1_000, to_ms: 1_100, count: 0 },
      { from_ms: 1_100, to_ms: 1_200, count: 1 },
    ]
    expect(renderHistogram(bins, plain, 40).split("\n")).toEqual([
      "  0.9 – 1.0 s  5000 █████████████████",
      "  1.0 – 1.1 s     0",
      "  1.1 – 1.2 s     1 ▏",
    ])
  })
})

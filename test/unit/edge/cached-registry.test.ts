import { beforeEach, describe, expect, it } from "vitest"
import { CachedRegistry } from "../../../src/edge/cached-registry.ts"
import { AppError } from "../../../src/lib/app-error.ts"
import type { QueueLimits } from "../../../src/lib/queue/model-limits.ts"
import type { Registry, RegistrySnapshot, ServedModel } from "../../../src/lib/queue/registry.ts"

const model = (id: string): ServedModel => ({
  id,
  version: "1",
  name: id,
  inputWidth: 1,
  inputHeight: 1,
  labels: 1,
  languages: [],
  seenMs: 0,
})
const worker = (id: string, untilMs: number) => ({
  id: `worker of ${id}`,
  untilMs,
  lanes: 1,
  broken: [],
  queues: { [id]: { jobMs: 40, perSecond: 25, megapixels: 0, msPerMegapixel: 0 } },
})

let nowMs: number
let reads: number
let limits: QueueLimits
let stored: RegistrySnapshot
let registry: CachedRegistry

beforeEach(() => {
  nowMs = 1_000_000
  reads = 0
  limits = { isPaused: false, models: {} }
  stored = { models: [model("b"), model("c"), model("a")], workers: [worker("b", 2_000_000)] }
  const source: Pick<Registry, "read"> & { readLimits: () => Promise<QueueLimits> } = {
    readLimits: async () => limits,
    async read() {
      reads++
      return stored
    },
  }
  registry = new CachedRegistry(source, () => nowMs)
})

describe("CachedRegistry.findModel()", () => {
  it("finds the model that is asked for, served or not, or the preferred one where it is served", async () => {
    expect((await registry.findModel("c", "b")).id).toBe("c")
    expect((await registry.findModel(undefined, "b")).id).toBe("b")
  })

  it("takes the preferred one, while nobody serves any, and another that is served where only that one is not", async () => {
    expect((await registry.findModel(undefined, "c")).id).toBe("b")
    nowMs = 2_000_000
    expect((await registry.findModel(undefined, "c")).id).toBe("c")
  })

  it("knows a model for a day after it was last seen, and while it is served; then it is as if it had never been", async () => {
    nowMs = 86_400_000
    expect((await registry.findModel("a", "b")).id).toBe("a")
    nowMs = 86_400_001
    await expect(registry.findModel("a", "b")).rejects.toMatchObject({
      code: "unknown_model",
      message: expect.stringContaining("no classifier has been here yet"),
    })
    nowMs += 1_000
    stored = { ...stored, workers: [worker("b", nowMs + 60_000)] }
    await expect(registry.findModel("a", "b")).rejects.toThrow("there are b")
    expect((await registry.findModel("b", "b")).id).toBe("b")
  })

  it("takes one that is served now where the preferred one is not known, and the first by name where none is", async () => {
    expect((await registry.findModel(undefined, "other")).id).toBe("b")
    nowMs = 2_000_000
    expect((await registry.findModel(undefined, "other")).id).toBe("a")
  })

  it("looks again for a model that has just come, but not for each client that insists", async () => {
    for (let i = 0; i < 5; i++) {
      await expect(registry.findModel("new", "a")).rejects.toThrow(
        'no model "new" was ever served here; there are a, b, c',
      )
    }
    expect(reads).toBe(1)
    nowMs += 1_000
    stored = { ...stored, models: [...stored.models, model("new")] }
    expect((await registry.findModel("new", "a")).id).toBe("new")
    expect(reads).toBe(2)
  })

  it("says so when no classifier has ever been there, and cuts the name that it repeats", async () => {
    stored = { models: [], workers: [] }
    const failure = registry.findModel(undefined, "a")
    await expect(failure).rejects.toThrow("no model was ever served here; no classifier has been here yet")
    await expect(failure).rejects.toBeInstanceOf(AppError)
    await expect(registry.findModel("x".repeat(1_000), "a")).rejects.toThrow(`no model "${"x".repeat(64)}" was`)
  })
})

describe("CachedRegistry.snapshot()", () => {
  it("asks Redis every ten seconds at most, and at once when the clock was set back", async () => {
    for (const [afterMs, count] of [
      [0, 1],
      [9_999, 1],
      [1, 2],
      [-60_000, 3],
    ] as const) {
      nowMs += afterMs
      await registry.snapshot()
      expect(reads).toBe(count)
    }
  })

  it("keeps no failure", async () => {
    let fails = true
    const source = {
      readLimits: async () => limits,
      async read() {
        if (fails) throw new AppError("redis_unavailable", "Gone")
        return stored
      },
    }
    const flaky = new CachedRegistry(source, () => nowMs)
    await expect(flaky.snapshot()).rejects.toThrow("Gone")
    fails = false
    expect(await flaky.snapshot()).toBe(stored)
  })
})

describe("CachedRegistry.pauseOf()", () => {
  it("is of the same look as the registry, and looks again before it says that something is paused", async () => {
    expect(await registry.pauseOf("b")).toBe(null)
    await registry.snapshot()
    expect(reads).toBe(1)
    limits = { isPaused: true, models: {} }
    nowMs += 10_000
    expect([await registry.pauseOf("b"), await registry.pauseOf()]).toEqual(["all", "all"])
    expect(reads).toBe(2)
    limits = { isPaused: false, models: { b: { paused: true } } }
    nowMs += 1_000
    const paused = ["b", "b@url", "c", undefined].map((queue) => registry.pauseOf(queue))
    expect(await Promise.all(paused)).toEqual(["model", "model", null, null])
    expect(reads).toBe(3)
  })
})

describe("CachedRegistry.rate()", () => {
  it("counts the living, and looks again before it says that there is none", async () => {
    expect(await registry.rate("b")).toEqual({ classifiers: 1, perSecond: 25, jobMs: 40 })
    expect((await registry.rate("a")).classifiers).toBe(0)
    expect(reads).toBe(1)
    nowMs += 1_000
    stored = { ...stored, workers: [...stored.workers, worker("a", 2_000_000)] }
    expect((await registry.rate("a")).classifiers).toBe(1)
    expect(reads).toBe(2)
  })

  it("is no faster than the lanes that an operator lets a model use", async () => {
    limits = { isPaused: false, models: { b: { concurrency: 1 } } }
    stored = { ...stored, workers: [worker("b", 2_000_000), { ...worker("b", 2_000_000), id: "another" }] }
    expect(await registry.rate("b")).toEqual({ classifiers: 2, perSecond: 25, jobMs: 40 })
  })
})

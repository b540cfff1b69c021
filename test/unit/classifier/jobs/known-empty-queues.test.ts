import { describe, expect, it } from "vitest"
import { KnownEmptyQueues } from "../../../../src/classifier/jobs/known-empty-queues.ts"

describe("KnownEmptyQueues", () => {
  it("skips what a claim found empty, until something is heard of it", () => {
    const queues = new KnownEmptyQueues()
    expect(queues.toSkip()).toEqual([])
    queues.found(["a", "b"], ["a", "b"])
    expect(queues.toSkip()).toEqual(["a", "b"])
    queues.hear("a")
    expect([queues.has("a"), queues.has("b")]).toEqual([false, true])
    queues.hear()
    expect(queues.toSkip()).toEqual([])
  })

  it("believes what was heard while the claim was under way more than the claim", () => {
    const queues = new KnownEmptyQueues()
    queues.toSkip()
    queues.hear("a")
    queues.found(["a", "b"], ["a", "b"])
    expect(queues.toSkip()).toEqual(["b"])
    queues.hear()
    queues.found(["a", "b"], ["a", "b"])
    expect(queues.toSkip()).toEqual([])
  })

  it("asks again where there was something, though nothing was heard of it", () => {
    const queues = new KnownEmptyQueues()
    queues.found(["a", "b"], ["a", "b"])
    queues.toSkip()
    queues.found(["a", "b"], ["b"])
    expect([queues.has("a"), queues.has("b")]).toEqual([false, true])
  })
})

import { beforeEach, describe, expect, it } from "vitest"
import { SharedLook } from "../../../src/edge/shared-look.ts"

let nowMs: number
let looks: number
let shared: SharedLook<number>
beforeEach(() => {
  nowMs = 1_000_000
  looks = 0
  shared = new SharedLook(() => nowMs)
})

const look = async () => {
  const seen = ++looks
  await new Promise(setImmediate)
  return seen
}
const fail = async () => {
  looks++
  await new Promise(setImmediate)
  throw new Error("Gone")
}
const ask = (count: number, what = look) =>
  Promise.allSettled(Array.from({ length: count }, () => shared.read(what, 1_000)))

describe("SharedLook", () => {
  it("looks once for all who ask together, and for those who ask soon after", async () => {
    expect(await ask(50)).toEqual(Array(50).fill({ status: "fulfilled", value: 1 }))
    nowMs += 999
    expect(await shared.read(look, 1_000)).toBe(1)
    nowMs += 1
    expect(await shared.read(look, 1_000)).toBe(2)
  })

  it("looks again at once when the clock was set back", async () => {
    await shared.read(look, 1_000)
    nowMs -= 60_000
    expect(await shared.read(look, 1_000)).toBe(2)
  })

  it("tells its failure to all who asked together, and keeps none", async () => {
    const outcomes = await ask(50, fail)
    expect(outcomes.every((outcome) => outcome.status === "rejected" && outcome.reason.message === "Gone")).toBe(true)
    expect(looks).toBe(1)
    expect(await shared.read(look, 1_000)).toBe(2)
  })

  it("waits for no look whose request was ended: another looks in its place", async () => {
    const lost = shared.read(() => Promise.race<number>([]), 1_000)
    const waiting = shared.read(look, 1_000)
    nowMs += 2_000
    expect(await waiting).toBe(1)
    expect(await Promise.race([lost, Promise.resolve("still lost")])).toBe("still lost")
  })
})

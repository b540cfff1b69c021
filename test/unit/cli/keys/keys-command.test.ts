import { describe, expect, test } from "vitest"
import { parseRate, parseWeight } from "../../../../src/cli/keys/keys-command.ts"
import { renderKeyList } from "../../../../src/cli/keys/render-keys.ts"
import { plain } from "../../../../src/cli/terminal/terminal.ts"

const DAY_MS = Date.parse("2026-01-31T12:00:00Z")

describe("renderKeyList()", () => {
  test("shows each key with its limits, and those that were revoked", () => {
    const alice = { name: "alice", weight: 1, createdMs: DAY_MS, lastUsedDay: null }
    const rateLimit = { count: 1_000, windowMs: 3_600_000 }
    const nightly = {
      name: "nightly",
      weight: 0.5,
      rateLimit,
      maxDepth: 50,
      createdMs: DAY_MS,
      lastUsedDay: "2026-02-01",
    }
    const revoked = [{ name: "zoe", revokedMs: DAY_MS }]
    expect(renderKeyList({ keys: [alice, nightly], revoked }, plain).split("\n")).toEqual([
      "key      weight        rate  depth  made        last used",
      "alice         1           –      –  2026-01-31  never",
      "nightly     0.5  1000/3600s     50  2026-01-31  2026-02-01",
      "zoe                                             revoked 2026-01-31",
    ])
  })

  test("says how to make one where there is none", () => {
    expect(renderKeyList({ keys: [], revoked: [] }, plain)).toContain("claimcheck keys create NAME")
  })
})

describe("options of keys create", () => {
  test.each(["1", "0.5", "9999", "0.001"])("--weight takes %j", (text) => expect(parseWeight(text)).toBe(Number(text)))
  test.each(["0", "-1", "", "1e3", "Infinity", "0.0001", "12345"])("--weight refuses %j", (text) => {
    expect(() => parseWeight(text)).toThrow("Expected a number")
  })
  test("--rate takes what RATE_LIMIT takes, but not off", () => {
    expect(parseRate("100/60s")).toBe("100/60s")
    expect(() => parseRate("off")).toThrow("must be like 100/60s")
  })
})

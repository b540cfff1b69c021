import fc from "fast-check"
import { expect, test } from "vitest"
import { parseRange } from "../../../../src/edge/http/byte-range.ts"

test("parseRange() gives a part of the body that is not empty, or says that there is none", () => {
  const number = fc.oneof(fc.constant(""), fc.nat(20).map(String))
  fc.assert(
    fc.property(number, number, fc.nat(20), (first, last, bytes) => {
      const range = parseRange(`bytes=${first}-${last}`, bytes)
      if (typeof range === "string") return
      expect(range.start).toBeGreaterThanOrEqual(0)
      expect(range.end).toBeGreaterThan(range.start)
      expect(range.end).toBeLessThanOrEqual(bytes)
    }),
    { numRuns: 2_000 },
  )
})

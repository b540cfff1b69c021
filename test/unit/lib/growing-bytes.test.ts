import fc from "fast-check"
import { expect, test } from "vitest"
import { GrowingBytes } from "../../../src/lib/growing-bytes.ts"

test("GrowingBytes gives back what was appended, in order, and is empty then", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 100_000 }), { maxLength: 8 }), (pieces) => {
      const bytes = new GrowingBytes()
      for (const piece of pieces) bytes.append(piece)
      const whole = Buffer.concat(pieces)
      expect(bytes.length).toBe(whole.length)
      expect(Buffer.compare(bytes.take(), whole)).toBe(0)
      expect([bytes.length, bytes.take().length]).toEqual([0, 0])
    }),
    { numRuns: 50 },
  )
})

test("GrowingBytes holds a million single bytes in a few times their size", () => {
  const one = Uint8Array.of(7)
  const before = process.memoryUsage()
  const bytes = new GrowingBytes()
  for (let i = 0; i < 1_000_000; i++) bytes.append(one)
  const after = process.memoryUsage()
  expect(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers).toBeLessThan(30_000_000)
  expect(bytes.take()).toHaveLength(1_000_000)
})

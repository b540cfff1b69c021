import { expect, onTestFinished } from "vitest"
import { type Finding, HeavyLane, isTooMuch } from "./measure-heavy.ts"

/** What they ask for is bounded here, so that many are tried in seconds. At full size, and more: npm run heavy. */
const MAX_PIXELS = 250_000

/**
 * So many small files that ask for much work: each ends, and none takes more memory than it may. How much processor time they may
 * take is a promise of `npm run heavy`.
 */
export async function expectBounded(count: number): Promise<void> {
  const lane = new HeavyLane()
  onTestFinished(() => lane.close())
  const found: Finding[] = []
  for (let index = 0; index < count; index++) found.push(await lane.run(7, index, { maxPixels: MAX_PIXELS }))
  expect(found.filter((finding) => isTooMuch({ ...finding, cpuS: 0 }))).toEqual([])
  // They are pictures, as a rule: what is refused proves nothing.
  const done = found.filter(({ code }) => code === "done")
  expect(done.length).toBeGreaterThan(count / 3)
  expect(new Set(done.map(({ what }) => what.split(" ")[0]))).toEqual(
    new Set(["png", "jpeg", "webp", "avif", "gif", "tiff"]),
  )
}

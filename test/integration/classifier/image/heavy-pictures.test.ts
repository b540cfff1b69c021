import { afterEach, expect, test } from "vitest"
import { type Finding, HeavyLane, isTooMuch } from "../../../support/heavy/measure-heavy.ts"

/** What they ask for is bounded here, so that many are tried in seconds. At full size, and more: npm run heavy. */
const COUNT = 200
const MAX_PIXELS = 250_000

let lane: HeavyLane
afterEach(() => lane.close())

test.skipIf(process.platform !== "linux")(
  `${COUNT} small files that ask for much work take no more than 600 MB above idle and 10 s of CPU, each (skipped where the kernel does not tell the peak)`,
  async () => {
    lane = new HeavyLane()
    const found: Finding[] = []
    for (let index = 0; index < COUNT; index++) found.push(await lane.run(7, index, { maxPixels: MAX_PIXELS }))
    expect(found.filter(isTooMuch)).toEqual([])
    // They are pictures, as a rule: what is refused proves nothing.
    expect(found.filter(({ code }) => code === "done").length).toBeGreaterThan(COUNT / 3)
    const formats = found.filter(({ code }) => code === "done").map(({ what }) => what.split(" ")[0])
    expect(new Set(formats)).toEqual(new Set(["png", "jpeg", "webp", "avif", "gif", "tiff"]))
  },
  120_000,
)

import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { measureWork } from "../../../support/measure/measure-work.ts"
import { gridOf } from "../../../support/measure/picture-grid.ts"

/** What else a process has after its first pictures: pools of threads, compiled code, what allocators keep. */
const BESIDE_BYTES = 48_000_000

// `npm run bench:decode-memory` goes through the whole grid.
test.skipIf(process.platform !== "linux")(
  "what the widest pictures take is within what was reckoned, or they are refused: streamed, interlaced, progressive (Linux tells peaks)",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "claimcheck-decode-"))
    onTestFinished(() => rm(folder, { recursive: true }))
    const shapes = [
      "native, png 8-bit RGB, 65500",
      "native, png 8-bit RGB interlaced, 65500",
      "native, jpeg 4:4:4 progressive, 65500",
      "portable, jpeg 4:4:4 progressive, 65500",
    ]
    const grid = gridOf("").filter(({ what }) => shapes.some((shape) => what.startsWith(shape)))
    expect(grid).toHaveLength(shapes.length)
    const works = await Promise.all(
      grid.map(async ({ bytes, works: [first] }, i) => {
        const file = join(folder, `${i}`)
        await writeFile(file, await bytes())
        if (!first) throw new Error("The grid has no operation")
        return { ...first.work, file }
      }),
    )
    const measured = await measureWork(works)
    for (const [i, { code, estimatedBytes, peakBytes }] of measured.entries()) {
      expect(estimatedBytes, shapes[i]).not.toBeNull()
      if (code === "done") expect(peakBytes, shapes[i]).toBeLessThan((estimatedBytes ?? 0) + BESIDE_BYTES)
    }
    // The last needs more than MAX_DECODE_BYTES.
    expect(measured.map(({ code }) => code)).toEqual(["done", "done", "done", "too_many_pixels"])
  },
)

import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { estimatedBytes, measureWork } from "../test/support/measure/measure-work.ts"
import { gridOf } from "../test/support/measure/picture-grid.ts"

// `npm run bench:decode-memory -- --only avif`: every picture of the grid through every operation, each in a process of its own: what the
// estimate says, what was measured, and what the limits as they are by default make of it.
const { values } = parseArgs({ options: { only: { type: "string", default: "" } } })
const folder = await mkdtemp(join(tmpdir(), "claimcheck-decode-"))
try {
  for (const { what, bytes, work } of gridOf(values.only)) {
    const file = join(folder, "picture")
    await writeFile(file, await bytes())
    const asked = { file, ...work }
    const needs = await estimatedBytes(asked)
    const { code, peakBytes, cpuMs } = await measureWork({
      ...asked,
      limits: { ...asked.limits, maxDecodeBytes: 1e12 },
    })
    const mb = (count: number | null) => (count === null ? "-" : (count / 1e6).toFixed(0)).padStart(6)
    const ratio = needs === null ? "" : (peakBytes / needs).toFixed(2)
    process.stdout.write(
      `${what.padEnd(70)} estimate ${mb(needs)} measured ${mb(peakBytes)} MB ${ratio.padStart(5)} ${(cpuMs / 1_000).toFixed(2).padStart(6)} s ${code}\n`,
    )
  }
} finally {
  await rm(folder, { recursive: true })
}

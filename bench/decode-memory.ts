import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { measureWork } from "../test/support/measure/measure-work.ts"
import { gridOf } from "../test/support/measure/picture-grid.ts"

// `npm run bench:decode-memory -- --only "native avif"`: each kind and shape of picture through every operation, as the limits are by
// default; `--unlimited` lets run what the estimate refuses. What was estimated, what was measured.
const { values } = parseArgs({ options: { only: { type: "string", default: "" }, unlimited: { type: "boolean" } } })
const folder = await mkdtemp(join(tmpdir(), "claimcheck-decode-"))
const mb = (bytes: number | null) => (bytes === null ? "-" : (bytes / 1e6).toFixed(0)).padStart(5)
try {
  for (const { what, bytes, works } of gridOf(values.only)) {
    const file = join(folder, "picture")
    await writeFile(file, await bytes())
    const limits = values.unlimited ? { maxDecodeBytes: 1e12 } : {}
    const asked = works.map(({ work }) => ({ ...work, file, limits: { ...work.limits, ...limits } }))
    for (const [i, { code, estimatedBytes, peakBytes, cpuMs }] of (await measureWork(asked)).entries()) {
      const ratio = estimatedBytes === null ? "" : (peakBytes / estimatedBytes).toFixed(2)
      const name = `${what}, ${works[i]?.name}`.padEnd(66)
      const seconds = `${(cpuMs / 1_000).toFixed(2)} s`.padStart(8)
      process.stdout.write(
        `${name} estimate ${mb(estimatedBytes)} peak ${mb(peakBytes)} MB ${ratio.padStart(5)} ${seconds} ${code}\n`,
      )
    }
  }
} finally {
  await rm(folder, { recursive: true })
}

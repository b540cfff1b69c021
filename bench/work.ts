// What each operation costs in CPU time, and what jobCost() takes it for: both in units of an ordinary classification.
//   npx tsx bench/work.ts

import { parseOperation } from "../src/lib/operations/operations.ts"
import { jobCost } from "../src/lib/queue/job-cost.ts"
import { measureWork, rankCorrelation, type WorkPoint } from "../test/support/measure/work-grid.ts"

const FORMATS = ["jpeg", "png", "webp", "avif", "gif", "tiff"] as const
const SIZES = [
  { width: 320, height: 240 },
  { width: 2_000, height: 1_500 },
]
const LARGE = { width: 4_000, height: 3_000 }
const MIDDLING = { format: "jpeg", width: 1_280, height: 960 } as const

const classify = parseOperation("classify", {})
const OPERATIONS = [
  classify,
  parseOperation("inspect", {}),
  parseOperation("resize", { width: "224", height: "224", format: "jpeg" }),
  parseOperation("resize", { width: "1000", format: "webp" }),
  parseOperation("compress", { format: "jpeg" }),
  parseOperation("compress", { format: "avif", scale: "0.5" }),
]
const WRITTEN = ["jpeg", "png", "webp", "avif", "json", "npy"].flatMap((format) =>
  ["30", "80", "100"].flatMap((quality) =>
    ["200", "1000"].map((width) => parseOperation("resize", { width, format, quality })),
  ),
)

const points: WorkPoint[] = [
  { format: "jpeg", width: 320, height: 240, operation: classify },
  ...FORMATS.flatMap((format) =>
    SIZES.flatMap((size) => OPERATIONS.map((operation) => ({ format, ...size, operation }))),
  ),
  ...(["jpeg", "png"] as const).flatMap((format) => OPERATIONS.map((operation) => ({ format, ...LARGE, operation }))),
  ...[classify, parseOperation("resize", { width: "200" })].map((operation) => ({
    format: "jpeg" as const,
    ...LARGE,
    operation,
    isProgressive: true,
  })),
  // A crop of 36 megapixels, which are never worked out.
  {
    format: "png",
    width: 3_000,
    height: 100,
    operation: parseOperation("resize", { width: "60", height: "1200", fit: "cover" }),
  },
  ...WRITTEN.map((operation) => ({ ...MIDDLING, operation })),
]
const measured = await measureWork(points, { rounds: 2 })
const unitMs = measured[0]?.cpuMs ?? 1
const costs = measured.map((point) => jobCost(point))
const print = (line: string) => process.stdout.write(`${line}\n`)
for (const [i, { format, width, height, isProgressive, operation, cpuMs }] of measured.entries()) {
  const { name, ...options } = operation
  const what = `${isProgressive ? "progressive " : ""}${format} ${width} × ${height} ${name} ${JSON.stringify(options)}`
  print(`${String(costs[i]).padStart(4)}  ${(cpuMs / unitMs).toFixed(2).padStart(6)}  ${what}`)
}
const rho = rankCorrelation(
  costs,
  measured.map(({ cpuMs }) => cpuMs),
)
print(`rank correlation of ${measured.length} jobs: ${rho.toFixed(3)}`)

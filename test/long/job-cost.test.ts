import { expect, it } from "vitest"
import { type Operation, parseOperation } from "../../src/lib/operations/operations.ts"
import { jobCost } from "../../src/lib/queue/job-cost.ts"
import { measureWork, rankCorrelation, type WorkPoint } from "../support/measure/work-grid.ts"

const classify = parseOperation("classify", {})
const compress = parseOperation("compress", {})
const point = (format: WorkPoint["format"], [width, height]: [number, number], operation: Operation) => ({
  format,
  width,
  height,
  operation,
})
const resize = (options: Record<string, string>) => parseOperation("resize", options)
const thumbnail = resize({ width: "100" })

/** Cheap ones: from a thumbnail's classification to an AVIF of a megapixel. `npx tsx bench/work.ts` has more. */
const POINTS: WorkPoint[] = [
  point("jpeg", [320, 240], classify),
  point("jpeg", [1_280, 960], classify),
  point("avif", [800, 600], classify),
  point("png", [320, 240], parseOperation("inspect", {})),
  point("jpeg", [320, 240], compress),
  point("png", [320, 240], resize({ width: "100" })),
  // Crops 36 megapixels: what is cut off is never worked out.
  point("png", [3_000, 100], resize({ width: "60", height: "1200", fit: "cover", format: "jpeg" })),
  point("avif", [800, 600], resize({ width: "800", format: "webp" })),
  { ...point("jpeg", [4_000, 3_000], classify), isProgressive: true },
  { ...point("jpeg", [4_000, 3_000], thumbnail), isProgressive: true },
  point("jpeg", [1_280, 960], resize({ width: "500", format: "avif" })),
  point("jpeg", [1_280, 960], resize({ width: "500", format: "avif", quality: "95" })),
  point("jpeg", [1_280, 960], resize({ width: "700", format: "json" })),
  point("jpeg", [1_280, 960], resize({ width: "1000", format: "json" })),
  point("jpeg", [1_280, 960], resize({ width: "1600", format: "png" })),
  point("jpeg", [1_280, 960], resize({ width: "1600", format: "webp" })),
  point("jpeg", [1_280, 960], parseOperation("compress", { format: "webp", quality: "85" })),
  point("jpeg", [1_280, 960], parseOperation("compress", { format: "avif" })),
  point("jpeg", [1_280, 960], parseOperation("compress", { format: "avif", quality: "90" })),
]

it("jobCost() ranks jobs as the CPU time that the real operations take does", { timeout: 120_000 }, async () => {
  const measured = await measureWork(POINTS, { rounds: 1 })
  const costs = measured.map((point) => jobCost(point))
  const cpuMs = measured.map((point) => point.cpuMs)
  const table = costs.map((cost, i) => `${cost} ${Math.round(cpuMs[i] ?? 0)} ms`).join(", ")
  expect(rankCorrelation(costs, cpuMs), table).toBeGreaterThan(0.75)
})

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import type { ChaosOptions } from "../../bench/chaos/options.ts"
import { runChaos } from "../../bench/chaos/run-chaos.ts"

const SEED = 7
const ROOT = fileURLToPath(new URL("../..", import.meta.url))

/** The rows of its report, by name. */
async function runClean(options: Partial<ChaosOptions>): Promise<Record<string, string>> {
  const folder = mkdtempSync(join(tmpdir(), "claimcheck-chaos-"))
  const lines: string[] = []
  const report = await runChaos(
    {
      jobs: 180,
      faults: 6,
      seed: SEED,
      classifiers: 2,
      edge: "node",
      root: ROOT,
      edgeRoot: ROOT,
      folder,
      sessions: 40,
      leaseMs: 1_500,
      maxAttempts: 10,
      maxMinutes: 3,
      resultTtlS: 86_400,
      awaitOrphans: false,
      ...options,
    },
    { print: (line) => lines.push(line), signal: new AbortController().signal },
  )
  expect(report.violations, `seed ${SEED}, logs in ${folder}\n${lines.join("\n")}`).toEqual([])
  rmSync(folder, { recursive: true })
  return Object.fromEntries(report.rows)
}

/** The short run; `npm run chaos` is the long one. The first six faults are the same for every seed (bench/chaos/plan.ts). */
test("Every ticket keeps its promise while replies are lost and classifiers, Redis and the gateway are killed", async () => {
  const rows = await runClean({})
  // A run in which nothing broke would prove nothing.
  expect(rows.faults).toBe("6 of 6")
  expect(rows["replies lost after they were carried out"]).toMatch(/^[1-9]\d* \+ [1-9]\d*$/)
  expect(Number(rows["of what classifiers lost, by TCP"])).toBeGreaterThan(0)
  expect(Number(rows["tickets given out"])).toBeGreaterThan(180)
  expect(Number(rows.canceled)).toBeGreaterThan(0)
}, 300_000)

test("Tickets that live for seconds keep theirs while clocks step, Redis is full, records are damaged and scripts are gone", async () => {
  const rows = await runClean({
    jobs: 120,
    faults: 7,
    resultTtlS: 4,
    only: [
      "clock stepped",
      "redis full",
      "records damaged",
      "subscribers killed",
      "scripts flushed",
      "eviction allowed",
    ],
  })
  expect(rows.faults).toBe("7 of 7")
  expect(Number(rows["gone after their time"])).toBeGreaterThan(0)
  expect(rows["damaged records, wake-ups dropped"]).toMatch(/^[1-9]/)
  expect(rows["ends told by webhook, refused at first, told again, batch.progress"]).toMatch(/^[1-9]\d*, [1-9]/)
}, 300_000)

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { runChaos } from "../../bench/chaos/run-chaos.ts"

const SEED = 7

/** The short run; `npm run chaos` is the long one. The first six faults are the same for every seed (bench/chaos/plan.ts). */
test("Every ticket keeps its promise while replies are lost and classifiers, Redis and the gateway are killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "claimcheck-chaos-"))
  const lines: string[] = []
  const report = await runChaos(
    {
      jobs: 180,
      faults: 6,
      seed: SEED,
      classifiers: 2,
      edge: "node",
      root: fileURLToPath(new URL("../..", import.meta.url)),
      folder,
      sessions: 40,
      leaseMs: 1_500,
      maxAttempts: 10,
      maxMinutes: 3,
      awaitOrphans: false,
    },
    { print: (line) => lines.push(line), signal: new AbortController().signal },
  )
  expect(report.violations, `seed ${SEED}, logs in ${folder}\n${lines.join("\n")}`).toEqual([])

  // A run in which nothing broke would prove nothing.
  const rows = Object.fromEntries(report.rows)
  expect(rows.faults).toBe("6 of 6")
  expect(rows["replies lost after they were carried out"]).toMatch(/^[1-9]\d* \+ [1-9]\d*$/)
  expect(Number(rows["tickets given out"])).toBeGreaterThan(180)
  expect(Number(rows.canceled)).toBeGreaterThan(0)
  rmSync(folder, { recursive: true })
}, 300_000)

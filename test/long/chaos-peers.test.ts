import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import type { PeerOptions } from "../../bench/peers/chaos/peer-options.ts"
import { missingFor } from "../../bench/peers/chaos/peer-options.ts"
import { renderPeers } from "../../bench/peers/chaos/peer-table.ts"
import type { SystemName } from "../../bench/peers/chaos/queue-under-test.ts"
import { runPeer } from "../../bench/peers/chaos/run-peer.ts"

const KINDS = ["worker stalled", "store killed", "replies lost", "producer killed"] as const

async function run(system: SystemName, options: Partial<PeerOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "claimcheck-chaos-peers-"))
  const lines: string[] = []
  const { signal } = new AbortController()
  const shared = { jobs: 120, faults: 4, seed: 3, lockMs: 1_500, perSecond: 20, patienceMs: 60_000 }
  const report = await runPeer(
    system,
    { ...shared, systems: [system], only: KINDS, folder, ...options },
    { print: (line) => lines.push(line), signal },
  )
  rmSync(folder, { recursive: true })
  return { report, lines: lines.join("\n") }
}

test("claimcheck keeps every job through the faults that other queues meet, too", async () => {
  const { report, lines } = await run("claimcheck")
  expect(
    report.phases.flatMap(({ violations }) => violations),
    lines,
  ).toEqual([])
  for (const { faults, jobs } of report.phases) expect({ faults, jobs }).toEqual({ faults: 1, jobs: 30 })
  // A run in which nothing broke would prove nothing.
  expect(report.phases.find(({ kind }) => kind === "replies lost")?.cut).toBeGreaterThan(0)
  expect(report.phases.find(({ kind }) => kind === "producer killed")?.cut).toBeGreaterThan(0)
}, 300_000)

test("The same run accounts for BullMQ, in the same table", async ({ skip }) => {
  const missing = missingFor("bullmq")
  if (missing !== null) return skip(missing)
  const { report } = await run("bullmq", { only: ["worker killed"], jobs: 30, faults: 1 })
  expect(report.phases).toHaveLength(1)
  expect(renderPeers([report])).toMatch(/\| worker killed \| bullmq \| 30 \| 1 \| 0 \| 0 \|/)
}, 300_000)

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { effortsOf, Observer, RULES, type Rule } from "../../bench/peers/chaos/observer.ts"
import type { PeerOptions } from "../../bench/peers/chaos/peer-options.ts"
import { missingFor } from "../../bench/peers/chaos/peer-options.ts"
import { renderPeers } from "../../bench/peers/chaos/peer-table.ts"
import type { Reading, SystemName } from "../../bench/peers/chaos/queue-under-test.ts"
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
  expect(renderPeers([report])).toContain("| worker killed | 0 | 0 | 0 | 0 | 0 |")
}, 300_000)

test("A job that is lost, stuck, failed, doubled or changed is told as that", async () => {
  const done: Reading = { state: "done", answer: "1" }
  const histories: Record<Rule, Reading[]> = {
    lost: [{ state: "gone" }],
    stuck: [{ state: "waiting" }],
    failed: [{ state: "failed", reason: "stalled too often" }],
    doubled: [done],
    changed: [done, { state: "done", answer: "2" }],
  }
  const told = new Map(Object.entries(histories).map(([rule, readings]) => [rule, [...readings]]))
  const read = async (id: string) => told.get(id)?.shift() ?? done
  const nothing = async () => undefined
  const observer = new Observer({ read, submit: nothing, cancel: async () => false, work: nothing, close: nothing })
  const ids = [...RULES, "well"]
  observer.expect(ids)
  for (const id of ids) observer.acknowledge(id)
  await observer.look(ids)
  observer.settle(ids, effortsOf([1, 2].map(() => ({ event: "accepted", id: "doubled" }))))
  await observer.look(["changed"])
  expect(observer.violations.map(({ rule, id }) => `${id}: ${rule}`).sort()).toEqual(
    RULES.map((rule) => `${rule}: ${rule}`).sort(),
  )
})

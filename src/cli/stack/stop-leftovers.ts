import { setTimeout as delay } from "node:timers/promises"
import { signalGroup } from "./process-group.ts"
import { listProcesses } from "./process-list.ts"
import type { Run } from "./run-file.ts"

const GRACE_MS = 5_000

/** Stops what an earlier run left behind: SIGTERM, a few seconds, SIGKILL. */
export async function stopLeftovers(groups: Run["groups"]): Promise<void> {
  for (const { pgid } of groups) signalGroup(pgid, "SIGTERM")
  if (await areGone(groups, GRACE_MS)) return
  for (const { pgid } of groups) signalGroup(pgid, "SIGKILL")
  await areGone(groups, GRACE_MS)
}

async function areGone(groups: Run["groups"], patienceMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + patienceMs
  for (;;) {
    const running = new Set((await listProcesses()).map(({ pgid }) => pgid))
    if (!groups.some(({ pgid }) => running.has(pgid))) return true
    if (performance.now() > deadlineMs) return false
    await delay(50)
  }
}

import { setTimeout as delay } from "node:timers/promises"
import { listProcesses } from "./process-list.ts"

const LOOK_EVERY_MS = 50

/** Waits until these process groups are empty; false when one is not after `patienceMs`. Zombies, which may stay, do not count. */
export async function areGone(pgids: readonly number[], patienceMs: number): Promise<boolean> {
  const deadlineMs = performance.now() + patienceMs
  for (;;) {
    const running = new Set((await listProcesses()).map(({ pgid }) => pgid))
    if (!pgids.some((pgid) => running.has(pgid))) return true
    if (performance.now() > deadlineMs) return false
    await delay(LOOK_EVERY_MS)
  }
}

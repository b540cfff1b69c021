import type { PartName } from "../parts/part.ts"
import { areGone } from "./are-gone.ts"
import { signalGroup } from "./process-group.ts"
import { STOP_ORDER } from "./stop-order.ts"

/**
 * A process of its own that outlives `claimcheck start`. When that one is gone without a word (kill -9, a crash, the
 * kernel out of memory), the channel between the two closes, and the reaper stops every part it was told of.
 */
export type ReaperMessage = { kind: "watch" | "forget"; name: PartName; pid: number }

const GRACE_MS = 10_000

const watched = new Map<number, PartName>()

process.on("message", ({ kind, name, pid }: ReaperMessage) => {
  if (kind === "watch") watched.set(pid, name)
  else watched.delete(pid)
})

process.once("disconnect", async () => {
  for (const names of STOP_ORDER) {
    await stopGroups([...watched].filter(([, name]) => names.includes(name)).map(([pid]) => pid))
  }
})

async function stopGroups(pgids: number[]): Promise<void> {
  for (const pgid of pgids) signalGroup(pgid, "SIGTERM")
  await areGone(pgids, GRACE_MS)
  for (const pgid of pgids) signalGroup(pgid, "SIGKILL")
}

import { areGone } from "./are-gone.ts"
import { signalGroup } from "./process-group.ts"
import type { Run } from "./run-file.ts"

const GRACE_MS = 5_000

/** Stops what an earlier run left behind: SIGTERM, a few seconds, SIGKILL. */
export async function stopLeftovers(groups: Run["groups"]): Promise<void> {
  const pgids = groups.map(({ pgid }) => pgid)
  for (const pgid of pgids) signalGroup(pgid, "SIGTERM")
  if (await areGone(pgids, GRACE_MS)) return
  for (const pgid of pgids) signalGroup(pgid, "SIGKILL")
  await areGone(pgids, GRACE_MS)
}

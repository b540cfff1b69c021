import type { ActiveJobs } from "./active-jobs.ts"
import type { KnownEmptyQueues } from "./known-empty-queues.ts"

/** A claim for few fetches costs as many commands as one for many. */
const LEAST_FETCHES = 4

export type Kind = "uploads" | "urls"

export type ClaimPlan = {
  kinds: readonly Kind[]
  queues: readonly string[]
  max: number
  /** Jobs that leave the lanes before the first of these gets one; negative where lanes are free. */
  ahead: number
}

export type ClaimRoom = {
  active: Pick<ActiveJobs, "size" | "fetches">
  lanes: number
  fetches: number
  queuesOf: (kind: Kind) => readonly string[]
  knownEmpty: Pick<KnownEmptyQueues, "has">
}

/**
 * What to claim next: of the kinds that there is room for, in turn, one that may have something; or all of them when a look is
 * due. Pictures of URLs have room of their own: while they are fetched they need no lane.
 *
 * @returns "full" when there is room for nothing, "empty" when nothing is known to wait
 */
export function planClaim(
  room: ClaimRoom,
  { isDue, turn }: { isDue: boolean; turn: number },
): ClaimPlan | "full" | "empty" {
  const { active, lanes, fetches, queuesOf, knownEmpty } = room
  const uploads = active.size - active.fetches
  const fetchRoom = fetches - active.fetches
  const open: Kind[] = []
  // Two jobs a lane: one is worked on while the bytes of the next are fetched. Claims are made for several at once.
  if (uploads <= lanes) open.push("uploads")
  if (fetchRoom >= Math.min(LEAST_FETCHES, fetches)) open.push("urls")
  if (open.length === 0) return "full"

  const eager = open.filter((kind) => !queuesOf(kind).every((queue) => knownEmpty.has(queue)))
  const next = eager[turn % Math.max(1, eager.length)]
  if (next === undefined && !isDue) return "empty"
  const kinds = isDue || next === undefined ? open : [next]
  const queues = kinds.flatMap(queuesOf)
  if (!kinds.includes("uploads")) return { kinds, queues, max: fetchRoom, ahead: -fetches }
  return { kinds, queues, max: kinds.includes("urls") ? Math.min(lanes, fetchRoom) : lanes, ahead: uploads + 1 - lanes }
}

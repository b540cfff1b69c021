import type { Shrunk, TicketData } from "../../lib/client/claimcheck.ts"
import { randomId } from "../browser/random-id.ts"

export type Refusal = { code: string; message: string }

/** Progress of a picture; once there is a ticket, the server's state. */
export type Progress =
  | { phase: "waiting" }
  | { phase: "uploading" }
  | { phase: "ticket"; ticket: TicketData }
  | { phase: "refused"; error: Refusal; ticket?: TicketData }

/** A picture as the history keeps it; its bytes and its thumbnail are kept beside it. */
export type Picture = {
  id: string
  name: string
  /** When it was added, and its place among those that were added with it. */
  addedMs: number
  index: number
  /** Empty for the server's choice. */
  model: string
  /** Where it is, for the server to fetch; then there are no bytes. */
  url?: string
  /** What was sent in its place, because it was too large. */
  shrunk?: Shrunk
  /** It goes on when the user has entered an API key. */
  needsKey?: boolean
  /** A repeated upload, for example after a reload, returns the same ticket. */
  idempotencyKey: string
  progress: Progress
}

export function newPicture(given: Pick<Picture, "name" | "addedMs" | "index" | "model" | "url">): Picture {
  return { ...given, id: randomId(), idempotencyKey: randomId(), progress: { phase: "waiting" } }
}

export function isDone({ progress }: Picture): boolean {
  return progress.phase === "refused" || (progress.phase === "ticket" && progress.ticket.done)
}

export function isSucceeded({ progress }: Picture): boolean {
  return progress.phase === "ticket" && progress.ticket.status === "succeeded"
}

/** Why there is no answer, if there will be none. */
export function failureOf({ progress }: Picture): Refusal | null {
  if (progress.phase === "refused") return progress.error
  if (progress.phase !== "ticket" || !progress.ticket.done || progress.ticket.status === "succeeded") return null
  return progress.ticket.error ?? { code: progress.ticket.status, message: `The ticket is ${progress.ticket.status}` }
}

/** Why a ticket does not move, if it does not. */
export function haltOf({ done, queue }: TicketData): "no classifier" | "paused" | null {
  if (done || queue === undefined) return null
  if (queue.classifiers === 0) return "no classifier"
  return queue.notice === undefined ? null : "paused"
}

/** Newest first; what was added together stays in its order. */
export function comparePictures(a: Picture, b: Picture): number {
  return b.addedMs - a.addedMs || a.index - b.index
}

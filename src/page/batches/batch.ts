import type { BatchTicket } from "../../lib/batches/batch-ticket.ts"
import type { InvalidRow } from "../../lib/client/claimcheck.ts"
import type { Refusal } from "../album/picture.ts"
import { randomId } from "../browser/random-id.ts"

/** Progress of a list; once there is a ticket, the server's state. */
export type BatchProgress =
  | { phase: "chosen" }
  /** Repeated with the same key, for example after a reload, it is the same batch. */
  | { phase: "sending"; idempotencyKey: string; skipsInvalid: boolean; needsKey?: boolean }
  | { phase: "ticket"; ticket: BatchTicket }
  | { phase: "refused"; error: Refusal; badRows?: { count: number; rows: InvalidRow[] }; ticket?: BatchTicket }

/** A list of pictures as the history keeps it. */
export type Batch = {
  id: string
  name: string
  bytes: number
  contentType: string
  addedMs: number
  operation: string
  /** Of that operation, as the API names them. */
  options?: Record<string, string>
  /** Empty for the server's choice. */
  model: string
  /** The names of its columns, when the server found none with URLs; and which one was chosen then. */
  columns?: string[]
  urlColumn?: string
  /** Until there is a ticket. */
  file?: Blob
  progress: BatchProgress
}

export function newBatch(file: File, { contentType, nowMs }: { contentType: string; nowMs: number }): Batch {
  return {
    id: randomId(),
    name: file.name,
    bytes: file.size,
    contentType,
    addedMs: nowMs,
    operation: "classify",
    model: "",
    file,
    progress: { phase: "chosen" },
  }
}

/** Whether something is under way at the server. */
export function isRunning({ progress }: Batch): boolean {
  return progress.phase === "sending" || (progress.phase === "ticket" && !progress.ticket.done)
}

/** The ticket as last seen. */
export function ticketOf({ progress }: Batch): BatchTicket | undefined {
  return progress.phase === "ticket" || progress.phase === "refused" ? progress.ticket : undefined
}

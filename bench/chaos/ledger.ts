import type { Ticket } from "../../src/lib/tickets/ticket.ts"
import type { Upload } from "./pictures.ts"
import type { JobSpec } from "./workload.ts"

/** What must never happen. */
export type Rule =
  | "lost" // a ticket that was given out is not known any longer
  | "stuck" // not done at the end
  | "changed" // different after it was done
  | "wrong answer" // not what the same picture gave without faults
  | "came back" // canceled, and told so, but ended otherwise
  | "canceled unasked"
  | "wrong 409" // told that it had finished, and yet it was canceled
  | "another ticket" // the same Idempotency-Key led to two tickets
  | "refused" // a 4xx for a request that is in order
  | "server error" // a 500, or one in the log
  | "died" // a process ended by itself
  | "failed" // for another reason than its attempts
  | "finished twice" // two attempts believed that their outcome was kept
  | "attempt not counted"
  | "left in Redis"
  | "no TTL"
  | "not told" // of an end, by webhook
  | "told twice" // by two events, or otherwise than the ticket says
  | "does not add up" // counters, places and lifetimes of what lies in Redis

export type Violation = { rule: Rule; ticket: string | null; detail: string }

/** What is known of one job, as its client saw it. */
export type Entry = {
  spec: JobSpec
  upload: Upload
  ticketId: string | null
  cancel: "never" | "asked" | "told canceled" | "told finished"
  /** As it was first seen done. */
  final: Ticket | null
  polls: number
  readsAfterDone: number
  submittedMs: number
  doneSeenMs: number | null
  /** Its time is over: it is 404, and stays so. */
  isGone: boolean
}

/** Everything that clients were told, and everything that contradicts it. */
export class Ledger {
  readonly entries: Entry[] = []
  readonly violations: Violation[] = []
  /** Of the pictures, as they were answered before the first fault. */
  readonly expected = new Map<number, NonNullable<Ticket["predictions"]>>()
  readonly #onViolation: (violation: Violation) => void

  constructor(onViolation: (violation: Violation) => void) {
    this.#onViolation = onViolation
  }

  open(spec: JobSpec, upload: Upload): Entry {
    const entry: Entry = {
      spec,
      upload,
      ticketId: null,
      cancel: "never",
      final: null,
      polls: 0,
      readsAfterDone: 0,
      submittedMs: performance.now(),
      doneSeenMs: null,
      isGone: false,
    }
    this.entries.push(entry)
    return entry
  }

  violate(rule: Rule, ticket: string | null, detail: string): void {
    const violation = { rule, ticket, detail }
    this.violations.push(violation)
    this.#onViolation(violation)
  }

  /** Takes note of a ticket as the edge showed it. */
  see(entry: Entry, ticket: Ticket): void {
    entry.ticketId ??= ticket.id
    if (ticket.id !== entry.ticketId) this.violate("another ticket", entry.ticketId, `now it is ${ticket.id}`)
    if (entry.isGone) this.violate("changed", entry.ticketId, `it was gone, and is ${ticket.status}`)
    if (entry.final !== null) {
      entry.readsAfterDone += 1
      const difference = describeDifference(entry.final, ticket)
      if (difference !== null) this.violate("changed", entry.ticketId, difference)
    } else if (ticket.done) {
      entry.final = ticket
      entry.doneSeenMs = performance.now()
      this.#judge(entry, ticket)
    }
  }

  #mayFail({ spec }: Entry, code: string | undefined): boolean {
    return code === "attempts_exhausted" || (code === "deadline_exceeded" && spec.deadlineMs !== null)
  }

  #judge(entry: Entry, ticket: Ticket): void {
    const complain = (rule: Rule, detail: string) => this.violate(rule, entry.ticketId, detail)
    if (entry.cancel === "told canceled" && ticket.status !== "canceled") {
      complain("came back", `its DELETE was answered with 200, and it is ${ticket.status}`)
    }
    if (entry.cancel === "told finished" && ticket.status === "canceled") {
      complain("wrong 409", "its DELETE was answered with 409, and it is canceled")
    }
    switch (ticket.status) {
      case "canceled":
        if (entry.cancel === "never") complain("canceled unasked", "no DELETE was ever sent")
        break
      case "failed":
        if (!this.#mayFail(entry, ticket.error?.code)) complain("failed", JSON.stringify(ticket.error))
        break
      case "succeeded": {
        const difference = describeWrongAnswer(ticket, entry, this.expected.get(entry.spec.picture.base))
        if (difference !== null) complain("wrong answer", difference)
        break
      }
      case "queued":
      case "processing":
        complain("failed", `done, and yet ${ticket.status}`)
        break
      default:
        ticket.status satisfies never
    }
  }
}

function describeWrongAnswer(
  { predictions = [], image }: Ticket,
  { upload }: Entry,
  expected: Ticket["predictions"] = [],
): string | null {
  if (image?.sha256 !== upload.sha256) return `the picture was ${upload.sha256}, its ticket says ${image?.sha256}`
  // The same bytes on the same code: nothing but rounding may differ, and that does not.
  const same =
    predictions.length === expected.length &&
    expected.length > 0 &&
    expected.every(
      ({ label, probability }, i) =>
        predictions[i]?.label === label && Math.abs(predictions[i].probability - probability) < 1e-5,
    )
  const top = (list: Ticket["predictions"]) => `${list?.[0]?.label} ${list?.[0]?.probability}`
  return same ? null : `${top(predictions)} instead of ${top(expected)}`
}

export function describeDifference<T extends object>(first: T, now: T): string | null {
  const names = new Set([...Object.keys(first), ...Object.keys(now)]) as Set<keyof T & string>
  const changed = [...names].filter((name) => JSON.stringify(first[name]) !== JSON.stringify(now[name]))
  if (changed.length === 0) return null
  return changed.map((name) => `${name}: ${JSON.stringify(first[name])} → ${JSON.stringify(now[name])}`).join(", ")
}

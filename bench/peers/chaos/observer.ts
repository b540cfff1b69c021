import { setTimeout as delay } from "node:timers/promises"
import type { Note } from "./notes.ts"
import type { QueueUnderTest, Reading } from "./queue-under-test.ts"

/**
 * `lost`: the queue knows no such job. `stuck`: it never ends. `failed`: it ended as failed, and its work cannot fail.
 * `doubled`: two answers were taken. `changed`: it had ended, and says something else later.
 */
export const RULES = ["lost", "stuck", "failed", "doubled", "changed"] as const
export type Rule = (typeof RULES)[number]
export type Violation = { rule: Rule; id: string; detail: string }

type Cancel = "asked" | "canceled" | "late" | "unknown"
type Entry = {
  acknowledgedMs: number | null
  ended: Reading | null
  endedMs: number
  cancel: Cancel | null
  violations: Set<Rule>
}
export type Effort = { started: number; finished: number; accepted: number }

const READS_AT_ONCE = 20

/** Reads jobs as a client would, over a connection that no fault touches but those of the store. */
export class Observer {
  readonly violations: Violation[] = []
  readonly #queue: QueueUnderTest
  readonly #entries = new Map<string, Entry>()

  constructor(queue: QueueUnderTest) {
    this.#queue = queue
  }

  expect(ids: readonly string[]): void {
    for (const id of ids) {
      this.#entries.set(id, { acknowledgedMs: null, ended: null, endedMs: 0, cancel: null, violations: new Set() })
    }
  }

  /** From here on the queue answers for it. */
  acknowledge(id: string): void {
    this.#entry(id).acknowledgedMs ??= performance.now()
  }

  count(is: "ended" | "canceled", ids: readonly string[]): number {
    const entries = ids.map((id) => this.#entry(id))
    return entries.filter(({ ended, cancel }) => (is === "ended" ? ended !== null : cancel === "canceled")).length
  }

  /** The longest time between acknowledgement and end, as far as reads can tell. */
  longestWaitMs(ids: readonly string[]): number {
    const entries = ids.map((id) => this.#entry(id)).filter(({ ended }) => ended !== null)
    return Math.max(0, ...entries.map(({ acknowledgedMs, endedMs }) => endedMs - (acknowledgedMs ?? endedMs)))
  }

  async cancel(id: string): Promise<void> {
    const entry = this.#entry(id)
    if (entry.cancel !== null || entry.ended !== null) return
    entry.cancel = "asked"
    try {
      entry.cancel = (await this.#queue.cancel(id)) ? "canceled" : "late"
    } catch {
      entry.cancel = "unknown" // Its reply may have been lost: either end is right.
    }
  }

  /** Reads them once; what cannot be read now is read the next time. */
  async look(ids: readonly string[]): Promise<void> {
    const known = ids.filter((id) => this.#entry(id).acknowledgedMs !== null)
    for (let i = 0; i < known.length; i += READS_AT_ONCE) {
      await Promise.all(known.slice(i, i + READS_AT_ONCE).map((id) => this.#lookAt(id)))
    }
  }

  async #lookAt(id: string): Promise<void> {
    const entry = this.#entry(id)
    // What is asked for between sending and answer may or may not be seen.
    if (entry.cancel === "asked") return
    const before = entry.cancel
    const reading = await this.#queue.read(id).catch(() => null)
    if (reading !== null && entry.cancel === before) this.#judge(id, entry, reading)
  }

  #judge(id: string, entry: Entry, reading: Reading): void {
    const { ended, cancel } = entry
    if (ended !== null) {
      const isSame = JSON.stringify(ended) === JSON.stringify(reading)
      if (!isSame) this.#violate("changed", id, `${JSON.stringify(ended)} became ${JSON.stringify(reading)}`)
      return
    }
    if (reading.state === "waiting" && cancel !== "canceled") return
    entry.endedMs = performance.now()
    entry.ended = reading
    const mayBeCanceled = cancel === "canceled" || cancel === "unknown"
    if (cancel === "canceled" && reading.state !== "canceled" && reading.state !== "gone")
      this.#violate("changed", id, `canceled, and then ${JSON.stringify(reading)}`)
    else if (reading.state === "failed") this.#violate("failed", id, reading.reason)
    else if (reading.state === "gone" && !mayBeCanceled) this.#violate("lost", id, "acknowledged, and unknown")
    else if (reading.state === "canceled" && !mayBeCanceled) this.#violate("changed", id, "canceled by nobody")
  }

  /** Once nothing moves any more. */
  settle(ids: readonly string[], efforts: ReadonlyMap<string, Effort>): void {
    for (const id of ids) {
      const { acknowledgedMs, ended, cancel } = this.#entry(id)
      if (acknowledgedMs === null) this.#violate("stuck", id, "never acknowledged")
      else if (ended === null) this.#violate("stuck", id, "still waiting")
      const { accepted = 0 } = efforts.get(id) ?? {}
      if (accepted > 1) this.#violate("doubled", id, `${accepted} answers were taken`)
      if (accepted > 0 && cancel === "canceled") this.#violate("changed", id, "canceled, and then an answer was taken")
    }
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id)
    if (entry === undefined) throw new Error(`Nobody has submitted ${id}`)
    return entry
  }

  #violate(rule: Rule, id: string, detail: string): void {
    const { violations } = this.#entry(id)
    if (violations.has(rule)) return
    violations.add(rule)
    this.violations.push({ rule, id, detail })
  }
}

/** How often each job was started, finished, and its answer taken. */
export function effortsOf(notes: readonly Note[]): Map<string, Effort> {
  const efforts = new Map<string, Effort>()
  for (const note of notes) {
    if (note.event === "acknowledged" || note.event === "refused") continue
    const effort = efforts.get(note.id) ?? { started: 0, finished: 0, accepted: 0 }
    effort[note.event]++
    efforts.set(note.id, effort)
  }
  return efforts
}

/** Reads until all have ended, or patience is over. */
export async function untilEnded(
  observer: Observer,
  ids: readonly string[],
  { refresh, patienceMs, signal }: { refresh: () => void; patienceMs: number; signal: AbortSignal },
): Promise<void> {
  const endMs = performance.now() + patienceMs
  while (observer.count("ended", ids) < ids.length && performance.now() < endMs) {
    await delay(500, undefined, { signal })
    refresh()
    await observer.look(ids)
  }
}

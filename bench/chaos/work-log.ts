import type { Ledger } from "./ledger.ts"

type Line = { level: string; event: string; jobId?: string; attempt?: number }

/** Attempts by how they ended, as the processes themselves have logged them. What a killed one did is not among them. */
export class WorkLog {
  readonly events: Record<string, number> = {}
  readonly completed = new Map<string, number>()
  readonly #ledger: Ledger

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  read(process: string, text: string): void {
    const line = JSON.parse(text) as Line
    const name = `${process.split(" ")[0]} ${line.event}`
    this.events[name] = (this.events[name] ?? 0) + 1
    if (line.event === "job.completed" && line.jobId !== undefined) {
      this.completed.set(line.jobId, (this.completed.get(line.jobId) ?? 0) + 1)
    }
    if (line.level === "error") this.#ledger.violate("server error", null, `${process} logged ${text.slice(0, 600)}`)
  }
}

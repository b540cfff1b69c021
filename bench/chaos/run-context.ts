import type { Ledger } from "./ledger.ts"
import type { ChaosOptions } from "./options.ts"
import type { Stack } from "./stack.ts"

/** What every part of a run shares. */
export type RunContext = {
  options: ChaosOptions
  stack: Stack
  ledger: Ledger
  /** Aborted when the time is over, or the run is interrupted. */
  deadline: AbortSignal
  /** Aborted when a person interrupts the run. */
  interrupted: AbortSignal
  /** A line for the log of events. */
  note: (event: string, fields?: Record<string, unknown>) => void
  /** A line for people. */
  say: (line: string) => void
}

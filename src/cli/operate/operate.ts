import { interruptible } from "../interrupted.ts"
import { survivesGoneReader } from "../terminal.ts"
import { type Operations, withOperator } from "./open-operator.ts"

/** Runs a command of an operator, who is let in by the queue's Redis; Ctrl-C ends it. */
export function operate(run: (operations: Operations, signal: AbortSignal) => Promise<void>): Promise<void> {
  survivesGoneReader(() => process.exit())
  return interruptible((signal) => withOperator((operations) => run(operations, signal)))
}

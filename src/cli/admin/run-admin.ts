import { interruptible } from "../interrupted.ts"
import { survivesGoneReader } from "../terminal/terminal.ts"
import { type AdminDeps, withAdmin } from "./open-admin.ts"

/** Runs an admin command, which needs access to the queue's Redis; Ctrl-C ends it. */
export function runAdmin(run: (deps: AdminDeps, signal: AbortSignal) => Promise<void>): Promise<void> {
  survivesGoneReader(() => process.exit())
  return interruptible((signal) => withAdmin((deps) => run(deps, signal)))
}

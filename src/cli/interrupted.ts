import { CliError, EXIT } from "./cli-error.ts"

/** Runs a command that ends cleanly at Ctrl-C: its signal is aborted, and the exit code says so (130, as shells count). */
export async function interruptible(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController()
  const abort = () => {
    // The terminal's own "^C" is wiped away.
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K")
    controller.abort()
  }
  process.once("SIGINT", abort)
  process.once("SIGTERM", abort)
  try {
    await run(controller.signal)
  } catch (error) {
    if (!controller.signal.aborted) throw error
    throw new CliError("interrupted", { exitCode: EXIT.interrupted, cause: error })
  } finally {
    process.off("SIGINT", abort)
    process.off("SIGTERM", abort)
  }
}

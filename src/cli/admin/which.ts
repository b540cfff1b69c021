import type { Command } from "commander"
import { CliError, EXIT } from "../cli-error.ts"
import { paintFor, printError } from "../terminal/terminal.ts"

/** Which ones are meant: those named, or all. */
export type Which = { all?: true; yes?: true; json?: true }

export function withWhich(command: Command, argument: string, description: string): Command {
  return command
    .argument(argument, description)
    .option("--all", "all of them")
    .option("-y, --yes", "do not ask for confirmation")
    .option("--json", "print the outcome as JSON")
}

/** @throws CliError unless it is one of the two */
export function checkWhich(ids: readonly string[], { all }: Which): void {
  if (ids.length > 0 !== (all === true)) return
  throw new CliError("Expected either ids or --all", { exitCode: EXIT.usage })
}

/** Prints each failure with its reason and sets the exit code. */
export function reportFailures(reasons: readonly (readonly [ids: readonly string[], reason: string])[]): void {
  const paint = paintFor(process.stderr)
  for (const [ids, reason] of reasons) {
    for (const id of ids) printError(`${paint("red", "error")} ${id}: ${reason}`)
    if (ids.length > 0) process.exitCode = EXIT.failed
  }
}

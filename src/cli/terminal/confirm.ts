import { createInterface } from "node:readline/promises"
import { CliError, EXIT } from "../cli-error.ts"
import { paintFor } from "./terminal.ts"

export type Terminal = { input: NodeJS.ReadStream; output: NodeJS.WriteStream }

/**
 * Asks before something that cannot be taken back. Without a terminal, `--yes` is required.
 * @throws CliError when the answer is no, or there is none
 */
export async function confirm(
  what: string,
  { yes, signal }: { yes: boolean; signal: AbortSignal },
  { input, output }: Terminal = { input: process.stdin, output: process.stderr },
): Promise<void> {
  if (yes) return
  if (!input.isTTY || !output.isTTY) {
    throw new CliError(`${what} Nobody can be asked here: add --yes to do it`, { exitCode: EXIT.usage })
  }
  const lines = createInterface({ input, output })
  // readline takes Ctrl-C for itself: hand it on, so that it ends the command as anywhere else.
  lines.on("SIGINT", () => process.kill(process.pid, "SIGINT"))
  try {
    const answer = await lines.question(`${what} ${paintFor(output)("dim", "[y/N]")} `, { signal })
    if (!/^\s*y(es)?\s*$/i.test(answer)) throw new CliError("Nothing was changed")
  } finally {
    lines.close()
  }
}

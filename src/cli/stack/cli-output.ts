import { hostname } from "node:os"
import type { LogLevel } from "../../lib/log.ts"
import { paintFor, print } from "../terminal/terminal.ts"
import { humanOutput, jsonOutput, type StackOutput } from "./stack-output.ts"

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"]

/** How the commands that run parts speak: to people, or as JSON lines. */
export function cliOutput({ json }: { json?: true | undefined }, env: NodeJS.ProcessEnv): StackOutput {
  if (json) return jsonOutput(print, hostname())
  const level = LEVELS.find((name) => name === env.LOG_LEVEL) ?? "info"
  return humanOutput(print, paintFor(process.stdout), level)
}

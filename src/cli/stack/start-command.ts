import { hostname } from "node:os"
import { type Command, Option } from "commander"
import type { LogLevel } from "../../lib/log.ts"
import { packageRoot } from "../package-root.ts"
import { paintFor, print, survivesGoneReader } from "../terminal.ts"
import { listenForInterrupts } from "./interrupts.ts"
import { type EdgeRuntime, readStackConfig } from "./stack-config.ts"
import { humanOutput, jsonOutput } from "./stack-output.ts"
import { startStack } from "./start-stack.ts"

const HELP = `
What it runs: Redis, a REST gateway before it, the edge, a classifier. Their data and secrets are in .claimcheck
(CLAIMCHECK_HOME: another folder).

Examples:
  $ claimcheck start
  $ PORT=9000 claimcheck start --edge node
  $ REDIS_URL=redis://localhost:6379 claimcheck start
  $ claimcheck start --json | jq .event`

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"]

export function addStartCommand(program: Command): void {
  program
    .command("start")
    .summary("run the whole stack on this machine")
    .description("Run the whole stack on this machine, until Ctrl-C.")
    .addOption(new Option("--edge <runtime>", "what runs the edge").choices(["workerd", "node"]).default("workerd"))
    .option("--json", "print events as JSON lines, as the parts wrote them")
    .addHelpText("after", HELP)
    .action(async ({ edge, json }: { edge: EdgeRuntime; json?: true }) => {
      const interrupts = listenForInterrupts()
      survivesGoneReader(interrupts.raise)
      const level = LEVELS.find((name) => name === process.env.LOG_LEVEL) ?? "info"
      const output = json ? jsonOutput(print, hostname()) : humanOutput(print, paintFor(process.stdout), level)
      await startStack(readStackConfig(process.env, packageRoot(), edge), output, interrupts)
    })
}

import { type Command, Option } from "commander"
import { isInstalled, packageRoot } from "../package-root.ts"
import { survivesGoneReader } from "../terminal/terminal.ts"
import { cliOutput } from "./cli-output.ts"
import { readStackConfig, type StackOptions } from "./parts/stack-config.ts"
import { listenForInterrupts } from "./processes/interrupts.ts"
import { startStack } from "./start-stack.ts"

const HELP = `
Runs Redis, the REST gateway, the API and a classifier. Data and secrets are in .claimcheck (or CLAIMCHECK_HOME).

Examples:
  $ claimcheck start
  $ PORT=9000 claimcheck start --edge node
  $ REDIS_URL=redis://localhost:6379 claimcheck start
  $ claimcheck start --json | jq .event`

export function addStartCommand(program: Command): void {
  program
    .command("start")
    .summary("run the whole stack on this machine")
    .description("Run the whole stack on this machine, until Ctrl-C.")
    .addOption(
      new Option("--edge <runtime>", "what runs the API")
        .choices(["workerd", "node"])
        .default(isInstalled() ? "node" : "workerd"),
    )
    .option("--inspect", "allow a debugger to connect to the API at INSPECTOR_PORT; it can read secrets")
    .option("--json", "print events as JSON lines, as the parts wrote them")
    .addHelpText("after", HELP)
    .action(async ({ json, ...options }: StackOptions & { json?: true }) => {
      const interrupts = listenForInterrupts()
      survivesGoneReader(interrupts.raise)
      await startStack(
        readStackConfig(process.env, packageRoot(), options),
        cliOutput({ json }, process.env),
        interrupts,
      )
    })
}

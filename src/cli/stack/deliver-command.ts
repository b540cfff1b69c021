import { join } from "node:path"
import type { Command } from "commander"
import { packageRoot, projectFolder } from "../package-root.ts"
import { survivesGoneReader } from "../terminal/terminal.ts"
import { cliOutput } from "./cli-output.ts"
import { delivererPart } from "./parts/deliverer-part.ts"
import { readWebhookSecrets, signing } from "./parts/secrets.ts"
import { findHome } from "./parts/stack-config.ts"
import { listenForInterrupts } from "./processes/interrupts.ts"
import { runAlone } from "./processes/run-alone.ts"
import { findEndpoint } from "./redis/find-endpoint.ts"

const HELP = `
Classifiers deliver webhooks too; several deliverers share the work. This one connects to the Redis of the local stack, to
REDIS_URL, or to UPSTASH_REDIS_REST_URL with UPSTASH_REDIS_REST_TOKEN. It signs with WEBHOOK_SECRETS (default: the local stack's) and reaches
private addresses only if ALLOW_ADDRESSES lists them. Its health and metrics are on HEALTH_PORT (default 8790; any free one beside the local
stack), which is logged.

Examples:
  $ claimcheck deliver
  $ ALLOW_ADDRESSES=127.0.0.1:9000 claimcheck deliver
  $ claimcheck deliver --json | jq 'select(.level != "info")'

Exit codes: 0 stopped by Ctrl-C or SIGTERM, 1 it crashed, 2 its configuration is invalid.`

export function addDeliverCommand(program: Command): void {
  program
    .command("deliver")
    .summary("deliver webhooks in a separate process")
    .description("Deliver webhooks in a separate process, until Ctrl-C.")
    .option("--json", "print events as JSON lines")
    .addHelpText("after", HELP)
    .action(async (options: { json?: true }) => {
      const interrupts = listenForInterrupts()
      survivesGoneReader(interrupts.raise)
      const { env } = process
      const root = packageRoot()
      const home = findHome(env)
      const redis = findEndpoint(env, join(home, "run.json"))
      const isOfStack = !(env.REDIS_URL || env.UPSTASH_REDIS_REST_URL)
      // Receivers of another queue have other secrets.
      const secrets = isOfStack ? readWebhookSecrets(join(home, "secrets.json")) : []
      // HEALTH_PORT is the classifier's of the stack.
      const own = isOfStack ? { ...env, HEALTH_PORT: "0" } : env
      await runAlone(
        delivererPart(signing({ root, cwd: projectFolder(), env: own }, secrets), redis),
        cliOutput(options, env),
        interrupts,
      )
    })
}

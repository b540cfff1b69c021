import type { Command } from "commander"
import { countOf } from "../human-units.ts"
import { operate } from "../operate/operate.ts"
import { print } from "../terminal.ts"

const HELP = `
For when PAYLOAD_SECRET is new, and before an older one is dropped: the secrets of all API keys are sealed with its first
word. Every classifier and deliverer should know that one by then. Secrets that are not sealed yet are read only with
PAYLOAD_SECRET_ACCEPTS_PLAIN=true.
It talks to the queue's Redis: that of the stack on this machine, or UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN.

Examples:
  $ export PAYLOAD_SECRET="new old"
  $ claimcheck webhook seal
  $ PAYLOAD_SECRET_ACCEPTS_PLAIN=true claimcheck webhook seal

Exit codes: 0 sealed, 1 one cannot be opened or the queue cannot be reached, 2 the command was not understood or
PAYLOAD_SECRET is not set, 130 interrupted.`

export function addSealCommand(webhook: Command): void {
  webhook
    .command("seal")
    .summary("seal the secrets of all API keys with the newest PAYLOAD_SECRET")
    .description("Seal the webhook secrets of all API keys in Redis with the newest PAYLOAD_SECRET.")
    .option("--json", "print what was done, as JSON")
    .addHelpText("after", HELP)
    .action(({ json }: { json?: true }) =>
      operate(async ({ webhooks }) => {
        const callers = await webhooks.sealAll()
        print(json ? JSON.stringify({ sealed: callers }) : `The secrets of ${countOf(callers, "API key")} are sealed`)
      }),
    )
}

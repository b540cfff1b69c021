import type { Command } from "commander"
import { runAdmin } from "../admin/run-admin.ts"
import { countOf } from "../terminal/human-units.ts"
import { print } from "../terminal/terminal.ts"

const HELP = `
Run it after you set PAYLOAD_SECRET, and before you remove an old one: it encrypts the secrets of all API keys with the first
value. Deploy that value to all classifiers and deliverers first. Unencrypted secrets are read only with
PAYLOAD_SECRET_ACCEPTS_PLAIN=true.
It connects to the Redis of the local stack, or to UPSTASH_REDIS_REST_URL with UPSTASH_REDIS_REST_TOKEN.

Examples:
  $ export PAYLOAD_SECRET="new old"
  $ claimcheck webhook seal
  $ PAYLOAD_SECRET_ACCEPTS_PLAIN=true claimcheck webhook seal

Exit codes: 0 encrypted, 1 a secret cannot be decrypted or the queue cannot be reached, 2 the command is invalid or
PAYLOAD_SECRET is not set, 130 interrupted.`

export function addSealCommand(webhook: Command): void {
  webhook
    .command("seal")
    .summary("encrypt the secrets of all API keys with the newest PAYLOAD_SECRET")
    .description("Encrypt the webhook secrets of all API keys in Redis with the newest PAYLOAD_SECRET.")
    .option("--json", "print the outcome as JSON")
    .addHelpText("after", HELP)
    .action(({ json }: { json?: true }) =>
      runAdmin(async ({ webhooks }) => {
        const callers = await webhooks.sealAll()
        print(json ? JSON.stringify({ sealed: callers }) : `The secrets of ${countOf(callers, "API key")} are sealed`)
      }),
    )
}

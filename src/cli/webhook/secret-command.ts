import type { Command } from "commander"
import { newWebhookSecret } from "../../lib/webhooks/webhook-secret.ts"
import { print, survivesGoneReader } from "../terminal/terminal.ts"
import { findSecrets } from "./local-secrets.ts"

const HELP = `
Prints the newest of WEBHOOK_SECRETS, else the secret of the local stack. It signs the webhooks of anonymous callers and of API
keys without a secret of their own (claimcheck webhook settings KEY --rotate). For another server, ask its operator.

Examples:
  $ export WEBHOOK_SECRET=$(npx claimcheck webhook secret)
  $ WEBHOOK_SECRETS="$(npx claimcheck webhook secret --new) $(npx claimcheck webhook secret)" npm start

Exit codes: 0 printed, 2 there is none.`

export function addSecretCommand(webhook: Command): void {
  webhook
    .command("secret")
    .summary("print the secret that signs webhooks")
    .description("Print the secret that signs the webhooks of the local stack.")
    .option("--new", "print a new secret; nothing is stored")
    .addHelpText("after", HELP)
    .action(({ new: isNew }: { new?: true }) => {
      survivesGoneReader(() => process.exit())
      print(isNew ? newWebhookSecret() : String(findSecrets(process.env.WEBHOOK_SECRETS)[0]))
    })
}

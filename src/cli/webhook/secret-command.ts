import type { Command } from "commander"
import { newWebhookSecret } from "../../lib/webhooks/webhook-secret.ts"
import { print, survivesGoneReader } from "../terminal.ts"
import { findSecrets } from "./local-secrets.ts"

const HELP = `
It prints the newest of WEBHOOK_SECRETS, or else the secret that the stack on this machine made for itself. It signs the
webhooks of anonymous callers and of API keys without a secret of their own (claimcheck webhook settings KEY --rotate).
Of a stack on another machine, only its operator knows the secret: it is in WEBHOOK_SECRETS there.

Examples:
  $ export WEBHOOK_SECRET=$(npx claimcheck webhook secret)
  $ WEBHOOK_SECRETS="$(npx claimcheck webhook secret --new) $(npx claimcheck webhook secret)" npm start

Exit codes: 0 printed, 2 there is none.`

export function addSecretCommand(webhook: Command): void {
  webhook
    .command("secret")
    .summary("print the secret that webhooks are signed with")
    .description("Print the secret that this machine's stack signs webhooks with.")
    .option("--new", "make another one and print it; nothing is stored")
    .addHelpText("after", HELP)
    .action(({ new: isNew }: { new?: true }) => {
      survivesGoneReader(() => process.exit())
      print(isNew ? newWebhookSecret() : String(findSecrets(process.env.WEBHOOK_SECRETS)[0]))
    })
}

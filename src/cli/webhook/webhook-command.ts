import type { Command } from "commander"
import { addListenCommand } from "./listen-command.ts"
import { addSealCommand } from "./seal-command.ts"
import { addSecretCommand } from "./secret-command.ts"
import { addSettingsCommand } from "./settings-command.ts"
import { addShowCommand } from "./show-command.ts"
import { addUndeliveredCommands } from "./undelivered-commands.ts"

const HELP = `
Examples:
  $ claimcheck webhook listen
  $ claimcheck webhook secret
  $ claimcheck classify --webhook-url http://127.0.0.1:9000 photo.jpg
  $ claimcheck webhook show cls_7z3k0v5c8mq2x9r4t6w1y8a0bd1f3h5j7k9m1n3p
  $ claimcheck webhook undelivered
  $ claimcheck webhook resend --all
  $ claimcheck webhook settings alice --url https://example.com/hooks --rotate`

export function addWebhookCommand(program: Command): void {
  const webhook = program
    .command("webhook")
    .summary("receive webhooks locally; retry undelivered ones")
    .description("Receive webhooks on this machine, show deliveries, and retry or drop undelivered ones.")
    .addHelpText("after", HELP)
  addListenCommand(webhook)
  addSecretCommand(webhook)
  addShowCommand(webhook)
  addUndeliveredCommands(webhook)
  addSettingsCommand(webhook)
  addSealCommand(webhook)
}

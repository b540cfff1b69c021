import { once } from "node:events"
import { type Command, InvalidArgumentError, Option } from "commander"
import { interruptible } from "../interrupted.ts"
import { parseCount } from "../parse-option.ts"
import { countOf } from "../terminal/human-units.ts"
import { paintFor, print, printError, survivesGoneReader } from "../terminal/terminal.ts"
import { findSecrets } from "./local-secrets.ts"
import { startReceiver } from "./receiver.ts"
import { receivedJson, renderReceived } from "./render-received.ts"

const HELP = `
Listens on 127.0.0.1, verifies each request as in Standard Webhooks, and answers 204, or 401 if no signature matches. Allow
the stack to reach this private address: ALLOW_ADDRESSES=127.0.0.1:9000 npm start
The local stack's secret is found automatically. For others use WEBHOOK_SECRETS; --secret is visible in the process list.

Examples:
  $ claimcheck webhook listen
  $ claimcheck webhook listen --fail 2
  $ claimcheck webhook listen --json | jq '.event.data.predictions[0]'

With --json, one line per request: {"time", "verified", "answered", "id", "event"}, with "reason" if it was refused.

Exit codes: 1 the port is taken, 2 the command is invalid or there is no secret, 130 interrupted.`

type Options = { port: number; secret?: string; fail: number; json?: true }

export function addListenCommand(webhook: Command): void {
  webhook
    .command("listen")
    .summary("receive webhooks on this machine, verify and print them")
    .description("Receive webhooks on this machine, verify and print them, until Ctrl-C.")
    .option("-p, --port <port>", "port on 127.0.0.1", parsePort, 9000)
    .addOption(
      new Option("--secret <whsec_…>", "what they are signed with (default: the local stack's)").env("WEBHOOK_SECRETS"),
    )
    .option("--fail <n>", "answer 500 to the first <n> requests, to test retries", parseCount, 0)
    .option("--json", "print one JSON line per item")
    .addHelpText("after", HELP)
    .action(async ({ port, secret, fail, json }: Options) => {
      survivesGoneReader(() => process.exit())
      await interruptible(async (signal) => {
        const secrets = findSecrets(secret)
        const paint = paintFor(process.stdout)
        const server = await startReceiver({
          port,
          secrets,
          failures: fail,
          onReceived: (received) => print(json ? receivedJson(received) : renderReceived(received, paint)),
        })
        // To stderr: what goes through a pipe is events alone.
        printError(heading(port, fail))
        try {
          await once(signal, "abort")
          signal.throwIfAborted()
        } finally {
          server.close()
          server.closeAllConnections()
        }
      })
    })
}

function heading(port: number, fail: number): string {
  const lines = [
    `Listening for webhooks: http://127.0.0.1:${port}`,
    `  the stack reaches it when started so:  ALLOW_ADDRESSES=127.0.0.1:${port} npm start`,
    `  and sends it an answer:                claimcheck classify --webhook-url http://127.0.0.1:${port} photo.jpg`,
  ]
  if (fail > 0) lines.push(`  ${countOf(fail, "event")} will be answered with 500 first`)
  return `${lines.join("\n")}\n`
}

export function parsePort(value: string): number {
  const port = Number(value)
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port
  throw new InvalidArgumentError("Expected a port from 1 to 65535.")
}

import type { Command } from "commander"
import { deliveriesSchema } from "../../lib/webhooks/delivery.ts"
import { createApi, parseBody } from "../api/api.ts"
import { type EdgeOptions, withEdgeOptions } from "../api/edge-options.ts"
import { interruptible } from "../interrupted.ts"
import { paintFor, print, survivesGoneReader } from "../terminal/terminal.ts"
import { renderDeliveries } from "./render-deliveries.ts"

const HELP = `
Examples:
  $ claimcheck webhook show cls_7z3k0v5c8mq2x9r4t6w1y8a0bd1f3h5j7k9m1n3p
  $ claimcheck webhook show --json cls_7z3k… | jq '.deliveries[0].attempts'

Exit codes: 0 shown, 1 there is no such ticket or it has no webhook, 2 the command is invalid, 130 interrupted.`

export function addShowCommand(webhook: Command): void {
  const command = webhook
    .command("show")
    .summary("show the webhook attempts of a ticket")
    .description("Show every webhook attempt of a ticket or batch, and the time of the next one.")
    .argument("<ticket>", "the id of a ticket, cls_…, or of a batch, bat_…")
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action(async (id: string, options: EdgeOptions) => {
      survivesGoneReader(() => process.exit())
      const get = createApi(options)
      await interruptible(async (signal) => {
        const body = await get(deliveriesPath(id), { signal })
        const view = { paint: paintFor(process.stdout), nowMs: Date.now() }
        print(options.json ? JSON.stringify(body) : renderDeliveries(id, parseBody(deliveriesSchema, body), view))
      })
    })
}

/** Where the edge tells how a ticket's webhook fares. */
export const deliveriesPath = (id: string) =>
  `/v1/${id.startsWith("bat_") ? "batches" : "classifications"}/${encodeURIComponent(id)}/deliveries`

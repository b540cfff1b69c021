import { type Command, Option } from "commander"
import type { Ticket, TicketData } from "../lib/client/claimcheck.ts"
import { ClaimcheckError } from "../lib/client/claimcheck.ts"
import { EXIT } from "./cli-error.ts"
import { forTerminal, openClient } from "./edge-client.ts"
import { type EdgeOptions, withEdgeOptions } from "./edge-options.ts"
import { interruptible } from "./interrupted.ts"
import { parseDurationMs } from "./parse-option.ts"
import { renderTicket } from "./render-ticket.ts"
import { paintFor, print, survivesGoneReader } from "./terminal.ts"

const HELP = `
Examples:
  $ claimcheck ticket cls_7z3k0v5c8mq2x9r4t6w1y8a0bd1f3h5j7k9m1n3p
  $ claimcheck ticket --wait --json cls_7z3k… | jq '.predictions[0]'
  $ claimcheck ticket --cancel cls_7z3k…

Exit codes: 0 the ticket was shown or canceled, or with --wait has succeeded; 1 it has not, or is not known; 2 the command
was not understood; 130 interrupted.`

type Options = EdgeOptions & { wait?: true; cancel?: true; timeout?: number }

export function addTicketCommand(program: Command): void {
  const command = program
    .command("ticket")
    .summary("show a ticket, wait for it, or cancel it")
    .description("Show a ticket: its answer, or where its job stands.")
    .argument("<id>", "the ticket's id, cls_…")
    .addOption(new Option("-w, --wait", "wait until it is done").conflicts("cancel"))
    .option("--cancel", "cancel what has not finished")
    .option("--timeout <duration>", "wait no longer than 90s, 15min (default: no end)", parseDurationMs)
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action(async (id: string, options: Options) => {
      survivesGoneReader(() => process.exit())
      await interruptible(async (signal) => {
        const client = await openClient(options, { signal })
        const data = await ask(client.ticket(id), options, signal)
        const view = { paint: paintFor(process.stdout), columns: process.stdout.columns ?? 80, nowMs: Date.now() }
        print(options.json ? JSON.stringify(data) : renderTicket(data, view))
        if (options.wait && data.status !== "succeeded") process.exitCode = EXIT.failed
      })
    })
}

async function ask(ticket: Ticket, options: Options, signal: AbortSignal): Promise<TicketData> {
  try {
    if (options.cancel) return await ticket.cancel({ signal })
    if (options.wait) return await ticket.result({ signal, timeoutMs: options.timeout })
    return await ticket.refresh({ signal })
  } catch (error) {
    // A job that failed is an answer, too.
    if (error instanceof ClaimcheckError && error.ticket?.done === true) return error.ticket
    throw signal.aborted ? error : forTerminal(error, options)
  }
}

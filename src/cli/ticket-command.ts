import { type Command, Option } from "commander"
import type { Ticket, TicketData } from "../lib/client/claimcheck.ts"
import { ClaimcheckError } from "../lib/client/claimcheck.ts"
import { CliError, EXIT } from "./cli-error.ts"
import { forTerminal, openClient } from "./edge-client.ts"
import { type EdgeOptions, urlFlag, withEdgeOptions } from "./edge-options.ts"
import { interruptible } from "./interrupted.ts"
import { parseDurationMs } from "./parse-option.ts"
import { renderTicket } from "./render-ticket.ts"
import { paintFor, print, printError, survivesGoneReader } from "./terminal.ts"

const HELP = `
Examples:
  $ claimcheck ticket cls_7z3k0v5c8mq2x9r4t6w1y8a0bd1f3h5j7k9m1n3p
  $ claimcheck ticket --wait --json cls_7z3k… | jq '.predictions[0]'
  $ claimcheck ticket --wait cls_7z3k… cls_8a2m…
  $ claimcheck ticket --cancel cls_7z3k…

With --json there is one line a ticket.

Exit codes: 0 every ticket was shown or canceled, or with --wait has succeeded; 1 one has not, or is not known; 2 the command
was not understood; 130 interrupted.`

type Options = EdgeOptions & { wait?: true; cancel?: true; timeout?: number }

export function addTicketCommand(program: Command): void {
  const command = program
    .command("ticket")
    .summary("show tickets, wait for them, or cancel them")
    .description("Show tickets: their answers, or where their jobs stand.")
    .argument("<id...>", "ids of tickets, cls_…")
    .addOption(new Option("-w, --wait", "wait until it is done").conflicts("cancel"))
    .option("--cancel", "cancel what has not finished")
    .option("--timeout <duration>", "wait no longer than 90s, 15min (default: no end)", parseDurationMs)
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action(async (ids: string[], options: Options) => {
      survivesGoneReader(() => process.exit())
      await interruptible(async (signal) => {
        const client = await openClient(options, { signal })
        let left = ids
        try {
          for (const [i, id] of ids.entries()) {
            await show(client.ticket(id), options, signal)
            left = ids.slice(i + 1)
          }
        } catch (error) {
          if (signal.aborted && options.wait)
            printError(
              `Interrupted: the rest goes on at the server.\n  claimcheck ticket --wait${urlFlag(options.url)} ${left.join(" ")}`,
            )
          throw error
        }
      })
    })
}

/** A ticket that is not known is told, and the others are shown all the same. */
async function show(ticket: Ticket, options: Options, signal: AbortSignal): Promise<void> {
  try {
    const data = await ask(ticket, options, signal)
    const view = { paint: paintFor(process.stdout), columns: process.stdout.columns ?? 80, nowMs: Date.now() }
    print(options.json ? JSON.stringify(data) : renderTicket(data, view))
    if (options.wait && data.status !== "succeeded") process.exitCode = EXIT.failed
  } catch (error) {
    if (!(error instanceof CliError) || error.code === "network") throw error
    printError(`${paintFor(process.stderr)("red", "error")} ${error.message}`)
    process.exitCode = EXIT.failed
  }
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

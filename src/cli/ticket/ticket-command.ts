import { join } from "node:path"
import { type Command, Option } from "commander"
import type { Batch, BatchTicket, Claimcheck, Ticket, TicketData } from "../../lib/client/claimcheck.ts"
import { ClaimcheckError } from "../../lib/client/claimcheck.ts"
import { endingOf } from "../../lib/images/image-formats.ts"
import { waitCommand } from "../api/advice.ts"
import { forTerminal, openClient } from "../api/edge-client.ts"
import { type EdgeOptions, withEdgeOptions } from "../api/edge-options.ts"
import { sayNotices } from "../api/say-waits.ts"
import { renderBatch } from "../batch/render-batch.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { makeFolder } from "../files/make-folder.ts"
import { interruptible } from "../interrupted.ts"
import { saveOutput } from "../operations/save-output.ts"
import { parseDurationMs } from "../parse-option.ts"
import { paintFor, print, printError, survivesGoneReader } from "../terminal/terminal.ts"
import { renderTicket } from "./render-ticket.ts"

const HELP = `
Examples:
  $ claimcheck ticket cls_7z3k0v5c8mq2x9r4t6w1y8a0bd1f3h5j7k9m1n3p
  $ claimcheck ticket --wait --json cls_7z3k… | jq '.predictions[0]'
  $ claimcheck ticket --wait --out small/ cls_7z3k… cls_8a2m…
  $ claimcheck ticket --cancel cls_7z3k…
  $ claimcheck ticket --retry --wait cls_7z3k…
  $ claimcheck ticket bat_4f6h…

With --json, one line per ticket: the ticket, or {"id": …, "error": {"code", "message"}}.

Exit codes: 0 every ticket was shown, canceled or retried, or with --wait or --out has succeeded; 1 one has not, or is not known;
2 the command is invalid; 130 interrupted.`

type Options = EdgeOptions & { wait?: true; cancel?: true; retry?: true; timeout?: number; out?: string; force?: true }

export function addTicketCommand(program: Command): void {
  const command = program
    .command("ticket")
    .summary("show tickets, wait for them, cancel or retry them")
    .description("Show tickets of images and batches: their results, or their progress.")
    .argument("<id...>", "ticket ids: cls_…, or bat_… for batches")
    .addOption(new Option("-w, --wait", "wait until it is done").conflicts("cancel"))
    .option("--cancel", "cancel jobs that are not done")
    .addOption(
      new Option("--retry", "submit failed jobs, or a batch's failed rows, again: shows the new ticket").conflicts(
        "cancel",
      ),
    )
    .option("--timeout <duration>", "wait at most this long: 90s, 15min (default: no limit)", parseDurationMs)
    .addOption(
      new Option("-o, --out <folder>", "save the outputs of compress and resize there, named by ticket id").conflicts(
        "cancel",
      ),
    )
    .option("--force", "overwrite existing files")
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action(async (ids: string[], options: Options) => {
      survivesGoneReader(() => process.exit())
      await interruptible((signal) => showAll(ids, options, signal))
    })
}

async function showAll(ids: readonly string[], options: Options, signal: AbortSignal): Promise<void> {
  const client = await openClient(options, { signal })
  if (options.out !== undefined) await makeFolder(options.out, { named: "--out" })
  let left = ids
  try {
    for (const [i, id] of ids.entries()) {
      await tellFailure(id, options, () => show(id, { client, options, signal }))
      left = ids.slice(i + 1)
    }
  } catch (error) {
    if (signal.aborted && options.wait)
      printError(`Interrupted: the server goes on with the rest.\n  ${waitCommand(left, options)}`)
    throw error
  }
}

/** Reports an unknown ticket and continues with the others. */
async function tellFailure(id: string, { json }: Options, run: () => Promise<void>): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof CliError) || error.code === "network") throw error
    const { code = "failed", message } = error
    if (json) print(JSON.stringify({ id, error: { code, message } }))
    else printError(`${paintFor(process.stderr)("red", "error")} ${id}: ${message}`)
    process.exitCode = EXIT.failed
  }
}

type Show = { client: Claimcheck; options: Options; signal: AbortSignal }

async function show(id: string, { client, options, signal }: Show): Promise<void> {
  const view = { paint: paintFor(process.stdout), columns: process.stdout.columns ?? 80, nowMs: Date.now() }
  if (id.startsWith("bat_")) {
    const batch = await askBatch(client.batch(id), options, signal)
    print(options.json ? JSON.stringify(batch) : renderBatch(batch, view))
    if (options.wait && batch.status !== "succeeded") process.exitCode = EXIT.failed
    return
  }
  const ticket = await ask(client.ticket(id), options, signal)
  const { output } = ticket
  print(options.json ? JSON.stringify(ticket) : renderTicket(ticket, view))
  if ((options.wait || options.out !== undefined) && ticket.status !== "succeeded") process.exitCode = EXIT.failed
  if (options.out === undefined || output === undefined) return
  const path = join(options.out, `${id}.${endingOf(output.content_type)}`)
  await saveOutput(path, { output, client, force: options.force === true, signal })
  if (!options.json) print(`  saved     ${path}`)
}

async function ask(old: Ticket, options: Options, signal: AbortSignal): Promise<TicketData> {
  try {
    if (options.cancel) return await old.cancel({ signal })
    const ticket = options.retry ? await old.retry({ signal }) : old
    if (!options.wait) return ticket.latest ?? (await ticket.refresh({ signal }))
    const tell = sayNotices()
    const onUpdate = ({ id, done, queue }: TicketData) => tell(id, { done, notice: queue?.notice })
    return await ticket.result({ signal, timeoutMs: options.timeout, onUpdate })
  } catch (error) {
    // A failed job is a result.
    if (error instanceof ClaimcheckError && error.ticket?.done === true) return error.ticket
    throw signal.aborted ? error : forTerminal(error, options)
  }
}

async function askBatch(old: Batch, options: Options, signal: AbortSignal): Promise<BatchTicket> {
  try {
    if (options.cancel) return await old.cancel({ signal })
    const batch = options.retry ? await old.retry({ signal }) : old
    if (!options.wait) return batch.latest ?? (await batch.refresh({ signal }))
    const tell = sayNotices()
    const onUpdate = ({ id, done, notice }: BatchTicket) => tell(id, { done, notice })
    return await batch.wait({ signal, timeoutMs: options.timeout, onUpdate })
  } catch (error) {
    throw signal.aborted ? error : forTerminal(error, options)
  }
}

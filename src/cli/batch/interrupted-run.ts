import type { BatchTicket } from "../../lib/batches/batch-ticket.ts"
import { ClaimcheckError } from "../../lib/client/claimcheck.ts"
import { quoted, urlFlag } from "../api/advice.ts"
import { CliError } from "../cli-error.ts"
import { countOf } from "../terminal/human-units.ts"
import type { RunOptions } from "./run-options.ts"

/** Whether the batch may go on at a server that is no longer heard of. */
export function isLost(error: unknown): boolean {
  const failure = error instanceof CliError ? error.cause : error
  return failure instanceof ClaimcheckError && failure.isTransient
}

/** What continues after Ctrl-C, and how to resume. */
export function interruptedWords(
  ticketId: string | undefined,
  seen: BatchTicket | undefined,
  { list, options }: { list: string; options: RunOptions },
  what: "Interrupted" | "Given up",
): string {
  const named = [
    options.out !== undefined && `--out ${quoted(options.out)}`,
    options.download !== undefined && `--download ${quoted(options.download)}`,
    options.nameColumn !== undefined && `--name-column ${quoted(options.nameColumn)}`,
    options.charset !== undefined && ticketId === undefined && `--charset ${quoted(options.charset)}`,
  ]
  const again = [`claimcheck batch ${quoted(list)}`, ...named].filter(Boolean).join(" ")
  const resume = `  ${again} --resume${urlFlag(options.url)}`
  if (ticketId === undefined)
    return `${what} while the list was sent.\n${resume}    sends it; it is not worked on twice`
  const howFar =
    seen === undefined
      ? ""
      : `, ${seen.pictures.done.toLocaleString("en-US")} of ${countOf(seen.pictures.total, "image")} done`
  if (seen?.done)
    return `${what}: the server is done with ${ticketId}; not all of its results are fetched.\n${resume}    fetches them`
  return [
    `${what}: ${ticketId} goes on at the server${howFar}.`,
    `${resume}    goes on here`,
    `  ${again} --cancel${urlFlag(options.url)}    stops it`,
    `  claimcheck ticket ${ticketId}${urlFlag(options.url)}    shows how far it is`,
  ].join("\n")
}

import { z } from "zod"
import { Claimcheck, ClaimcheckError } from "../lib/client/claimcheck.ts"
import { isOperationName, OPERATIONS } from "../lib/operations/operations.ts"
import { waitCommand, withFlags } from "./advice.ts"
import { ApiError, checkUrl, createApi, GIVE_A_KEY, parseBody } from "./api.ts"
import { CliError, EXIT } from "./cli-error.ts"
import type { EdgeAddress } from "./edge-options.ts"
import { humanMs } from "./human-units.ts"
import { unreachable } from "./unreachable.ts"

const PREFLIGHT_TIMEOUT_MS = 5_000
/** Longer than the client waits by itself; then the sentence has to say it. */
const WORTH_SAYING_MS = 120_000

/**
 * A client for an edge that was reached just now: the client rides out an outage of minutes, but who forgot `npm start`
 * should hear it at once.
 */
export async function openClient(
  { url, key }: EdgeAddress,
  { signal, fetchNow = fetch }: { signal: AbortSignal; fetchNow?: typeof fetch },
): Promise<Claimcheck> {
  const client = newClient({ url: checkUrl(url), key }, fetchNow)
  try {
    const body = await createApi({ url }, fetchNow)("/healthz", { signal, timeoutMs: PREFLIGHT_TIMEOUT_MS })
    parseBody(z.looseObject({ status: z.string() }), body)
  } catch (error) {
    // An edge with trouble of its own, or one whose platform keeps this path to itself, is for the client to deal with.
    if (!(error instanceof ApiError)) throw error
  }
  return client
}

function newClient(address: EdgeAddress, fetchNow: typeof fetch): Claimcheck {
  try {
    return new Claimcheck({ ...address, fetch: fetchNow })
  } catch (error) {
    throw new CliError(error instanceof Error ? error.message : String(error), { exitCode: EXIT.usage, cause: error })
  }
}

/** The edge, and the folder for what its jobs make. */
type Where = Pick<EdgeAddress, "url"> & { out?: string | undefined }

/** A failure of the client as a sentence for the terminal; anything else as it is. */
export function forTerminal(error: unknown, edge: Where): unknown {
  if (!(error instanceof ClaimcheckError)) return error
  const { code, cause } = error
  if (code === "network") return unreachable(edge.url, cause)
  return new CliError(sentence(error, edge), { code, cause: error })
}

function sentence({ code, message, ticket, retryAfterMs = 0 }: ClaimcheckError, { url, out }: Where): string {
  switch (code) {
    case "timeout":
      if (ticket === undefined) return message
      return `No answer in time: the ticket is ${ticket.status}, and the server goes on with it. To wait again:\n  ${waitCommand(
        [ticket.id],
        { url, out: makesFile(ticket.operation) ? (out ?? ".") : undefined },
      )}`
    case "unauthorized":
    case "unknown_key":
    case "mistyped_key":
      return `${message}. ${GIVE_A_KEY}`
    case "bad_response":
      return "Cannot understand the answer: is a claimcheck edge at that address?"
    default:
      return `${withFlags(message)} (${code})${retryAfterMs > WORTH_SAYING_MS ? `. Try again in ${humanMs(retryAfterMs)}` : ""}`
  }
}

const makesFile = (operation: string) => isOperationName(operation) && OPERATIONS[operation].makesFile

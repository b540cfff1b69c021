import { Claimcheck, ClaimcheckError, type ConnectionOptions } from "../../lib/client/claimcheck.ts"
import { isOperationName, OPERATIONS } from "../../lib/operations/operations.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { humanMs } from "../terminal/human-units.ts"
import { sayAbove } from "../terminal/progress.ts"
import { waitCommand, withFlags } from "./advice.ts"
import type { EdgeAddress } from "./edge-options.ts"
import { MAX_RETRY_AFTER_MS, sayTrouble } from "./say-waits.ts"

const PREFLIGHT = { tryTimeoutMs: 5_000, retries: 2 }

export const NO_ANSWER_OF_OURS = "Cannot understand the answer: is a claimcheck server at that address?"
const UNREACHABLE: Record<string, string> = {
  ECONNREFUSED: "nothing listens there. Is `npm start` running? Another address is given with --url",
  ENOTFOUND: "there is no such host. Check --url",
  EAI_AGAIN: "its name cannot be looked up now. Check --url, and the network",
  "bad port": "no server may use that port. Check --url",
  TimeoutError: "it did not answer in time",
}
const GIVE_A_KEY = "An API key is given with --key or CLAIMCHECK_KEY"

/** A client for an edge that was just reached: it retries for minutes later, but a stack that is not running fails at once. */
export async function openClient(
  address: EdgeAddress,
  { signal, fetchNow = fetch }: { signal: AbortSignal; fetchNow?: typeof fetch },
): Promise<Claimcheck> {
  const client = newClient(address, { fetch: sayTrouble(fetchNow, address.url, sayAbove) })
  const impatient = newClient({ url: address.url }, { fetch: fetchNow, ...PREFLIGHT })
  try {
    const { status } = await impatient.get("/healthz", { signal })
    if (typeof status !== "string")
      throw new ClaimcheckError("bad_response", "The response is not from a claimcheck edge")
  } catch (error) {
    // An edge with trouble of its own, or one whose platform keeps this path to itself, is for the client to deal with.
    if (!(error instanceof ClaimcheckError) || error.code === "network" || error.code === "bad_response") {
      throw forTerminal(error, address)
    }
  }
  return client
}

/** @throws CliError for an address or a key that cannot be used */
export function newClient({ url, key }: EdgeAddress, options: Omit<ConnectionOptions, "url" | "key"> = {}): Claimcheck {
  const base = checkUrl(url)
  try {
    return new Claimcheck({ url: base, key, ...options })
  } catch (error) {
    throw new CliError(error instanceof Error ? error.message : String(error), { exitCode: EXIT.usage, cause: error })
  }
}

/** @throws CliError for what is no address */
export function checkUrl(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url.replace(/\/+$/, "")
  throw new CliError("Cannot read --url (or CLAIMCHECK_URL): expected http://host or https://host", {
    exitCode: EXIT.usage,
  })
}

/** The edge, and the folder for what its jobs make. */
type Where = EdgeAddress & { out?: string | undefined }

/** A failure of the client as a sentence for the terminal; anything else as it is. */
export function forTerminal(error: unknown, edge: Where): unknown {
  if (!(error instanceof ClaimcheckError)) return error
  const { code, cause, ticket } = error
  const failure =
    code === "network" ? unreachable(edge.url, cause) : new CliError(sentence(error, edge), { code, cause: error })
  if (ticket === undefined || ticket.done || code === "timeout" || !error.isTransient) return failure
  const comeBack = `The server goes on with its ticket; to wait for it:\n  ${waitFor(ticket, edge)}`
  return new CliError(`${failure.message}. ${comeBack}`, { code, cause: failure.cause })
}

function waitFor({ id, operation }: NonNullable<ClaimcheckError["ticket"]>, { url, out }: Where): string {
  return waitCommand([id], { url, out: makesFile(operation) ? (out ?? ".") : undefined })
}

function sentence({ code, message, ticket, retryAfterMs = 0 }: ClaimcheckError, edge: Where): string {
  switch (code) {
    case "timeout":
      if (ticket === undefined) return message
      return `No answer in time: the ticket is ${ticket.status}, and the server goes on with it. To wait again:\n  ${waitFor(ticket, edge)}`
    case "unauthorized":
    case "unknown_key":
    case "mistyped_key":
      return `${message}. ${GIVE_A_KEY}`
    case "not_found":
      return `${message}${edge.key ? "" : ", or it belongs to an API key (--key)"} (not_found)`
    case "bad_response":
      return NO_ANSWER_OF_OURS
    default:
      // What no edge of ours has said has no code of ours.
      return `${withFlags(message)}${code.startsWith("http_") ? "" : ` (${code})`}${retryAfterMs > MAX_RETRY_AFTER_MS ? `. Try again in ${humanMs(retryAfterMs)}` : ""}`
  }
}

const makesFile = (operation: string) => isOperationName(operation) && OPERATIONS[operation].makesFile

/** Why fetch gave no response, as a sentence that says what to do. */
function unreachable(base: string, error: unknown): CliError {
  const code = systemCode(error)
  return new CliError(`Cannot reach ${base}: ${UNREACHABLE[code] ?? `the connection failed (${code})`}`, {
    code: "network",
    cause: error,
  })
}

/** undici hides the reason in `cause`; for a host with several addresses, one level deeper. */
function systemCode(error: unknown): string {
  if (error instanceof DOMException) return error.name
  const cause = error instanceof Error ? error.cause : undefined
  const inner = cause instanceof AggregateError ? cause.errors[0] : cause
  const code = (inner as { code?: unknown } | undefined)?.code ?? (cause as { code?: unknown } | undefined)?.code
  return typeof code === "string" ? code : cause instanceof Error ? cause.message : "unknown"
}

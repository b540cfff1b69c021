import { CliError } from "../cli-error.ts"

const ADVICE: Record<string, string> = {
  ECONNREFUSED: "nothing listens there. Is `npm start` running? Another address is given with --url",
  ENOTFOUND: "there is no such host. Check --url",
  EAI_AGAIN: "its name cannot be looked up now. Check --url, and the network",
  "bad port": "no server may use that port. Check --url",
  TimeoutError: "it did not answer in time",
}

/** Why fetch gave no response, as a sentence that says what to do. */
export function unreachable(base: string, error: unknown): CliError {
  const code = systemCode(error)
  return new CliError(`Cannot reach ${base}: ${ADVICE[code] ?? `the connection failed (${code})`}`, {
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

import type { z } from "zod"
import { CliError, EXIT } from "./cli-error.ts"
import { problemSchema } from "./wire.ts"

export type ApiOptions = { url: string; key?: string | undefined }
export type Answer = { status: number; headers: Headers; body: unknown }
/** Calls the edge; an answer below 500 that is no success, and every failure to get one, is thrown as an ApiError. */
export type CallApi = (path: string, init?: RequestInit) => Promise<Answer>

const REQUEST_TIMEOUT_MS = 60_000

export class ApiError extends CliError {
  readonly status: number
  readonly headers: Headers

  constructor(
    message: string,
    { status, headers, code }: { status: number; headers: Headers; code?: string | undefined },
  ) {
    super(message, { code })
    this.status = status
    this.headers = headers
  }
}

export function createApi({ url, key }: ApiOptions, fetchNow: typeof fetch = fetch): CallApi {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new CliError("Cannot read --url (or CLAIMCHECK_URL): expected http://host or https://host", {
      exitCode: EXIT.usage,
    })
  }
  const base = url.replace(/\/+$/, "")
  return async (path, init = {}) => {
    const headers = new Headers(init.headers)
    headers.set("accept", "application/json")
    if (key) headers.set("authorization", `Bearer ${key}`)
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
    const signal = init.signal ? AbortSignal.any([init.signal, timeout]) : timeout
    try {
      const response = await fetchNow(base + path, { ...init, headers, signal })
      return await readAnswer(response)
    } catch (error) {
      if (error instanceof CliError || init.signal?.aborted) throw error
      throw unreachable(base, error)
    }
  }
}

/** Reads a body that has to fit the schema; another server at that address is the likeliest reason when it does not. */
export function parseBody<T>(schema: z.ZodType<T>, { body }: Answer): T {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  throw new CliError("Cannot understand the answer: is a claimcheck edge at that address?", { cause: result.error })
}

async function readAnswer(response: Response): Promise<Answer> {
  const { status, headers } = response
  const text = await response.text()
  const body = /[/+]json/.test(headers.get("content-type") ?? "") ? parseJson(text) : null
  if (response.ok || status === 304) return { status, headers, body }
  const { code, title, detail } = problemSchema.safeParse(body).data ?? {}
  const said = detail ?? title ?? `The server answered ${status}${response.statusText && ` ${response.statusText}`}`
  throw new ApiError(code === undefined ? said : `${said} (${code})`, { status, headers, code })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // A body cut short, or not what its header says: the schema that is asked next will refuse it.
    return null
  }
}

function unreachable(base: string, error: unknown): CliError {
  const code = systemCode(error)
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new CliError(`No answer from ${base} within ${REQUEST_TIMEOUT_MS / 1000} s`, {
      code: "timeout",
      cause: error,
    })
  }
  const advice: Record<string, string> = {
    ECONNREFUSED: "nothing listens there. Is `npm start` running? Another address is given with --url",
    ENOTFOUND: "no such host. Check --url",
  }
  const reason = advice[code] ?? `the connection failed (${code})`
  return new CliError(`Cannot reach ${base}: ${reason}`, { code, cause: error })
}

/** undici hides the reason in `cause`; for a host with several addresses, one level deeper. */
function systemCode(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  const inner = cause instanceof AggregateError ? cause.errors[0] : cause
  const code = (inner as { code?: unknown } | undefined)?.code ?? (cause as { code?: unknown } | undefined)?.code
  return typeof code === "string" ? code : cause instanceof Error ? cause.message : "unknown"
}

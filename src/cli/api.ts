import { z } from "zod"
import { strangerAnswered } from "../lib/client/connection.ts"
import { CliError, EXIT } from "./cli-error.ts"
import type { EdgeAddress } from "./edge-options.ts"
import { parseJson } from "./parse-json.ts"
import { unreachable } from "./unreachable.ts"

/** Asks the edge once: whoever looks at a queue wants to know now. */
export type GetJson = (path: string, options: { signal: AbortSignal; timeoutMs?: number }) => Promise<unknown>

const REQUEST_TIMEOUT_MS = 20_000

const problemSchema = z.looseObject({
  code: z.string().optional(),
  title: z.string().optional(),
  detail: z.string().optional(),
})

export class ApiError extends CliError {
  readonly status: number

  constructor(message: string, { status, code }: { status: number; code?: string | undefined }) {
    super(message, { code })
    this.status = status
  }
}

/** @throws CliError for an address that cannot be one; from a call, ApiError for a refusal, CliError for no answer */
export function createApi({ url, key }: EdgeAddress, fetchNow: typeof fetch = fetch): GetJson {
  const base = checkUrl(url)
  const headers = { accept: "application/json", ...(key && { authorization: `Bearer ${key}` }) }
  return async (path, { signal, timeoutMs = REQUEST_TIMEOUT_MS }) => {
    try {
      const within = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
      return await readAnswer(await fetchNow(base + path, { headers, signal: within }))
    } catch (error) {
      if (error instanceof CliError || signal.aborted) throw error
      throw unreachable(base, error)
    }
  }
}

export function checkUrl(url: string): string {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url.replace(/\/+$/, "")
  throw new CliError("Cannot read --url (or CLAIMCHECK_URL): expected http://host or https://host", {
    exitCode: EXIT.usage,
  })
}

/** Reads a body that has to fit the schema; another server at that address is the likeliest reason when it does not. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  throw new CliError("Cannot understand the answer: is a claimcheck server at that address?", { cause: result.error })
}

export const GIVE_A_KEY = "An API key is given with --key or CLAIMCHECK_KEY"
const ABOUT_KEYS: ReadonlySet<string> = new Set(["unauthorized", "unknown_key", "mistyped_key"])

/** A refusal's sentence with its code; where a key is missing, how to give one instead. */
export function refusalText(said: string, code: string | undefined): string {
  if (code === undefined) return said
  return ABOUT_KEYS.has(code) ? `${said}. ${GIVE_A_KEY}` : `${said} (${code})`
}

async function readAnswer(response: Response): Promise<unknown> {
  const body = parseJson(await response.text())
  if (response.ok) return body
  const { code, title, detail } = problemSchema.safeParse(body).data ?? {}
  const said = detail ?? title ?? strangerAnswered(response.status)
  throw new ApiError(refusalText(said, code), { status: response.status, code })
}

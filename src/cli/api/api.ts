import type { z } from "zod"
import { CliError } from "../cli-error.ts"
import { forTerminal, NO_ANSWER_OF_OURS, newClient } from "./edge-client.ts"
import type { EdgeAddress } from "./edge-options.ts"

/** Sends one request without retries, to answer at once. */
export type GetJson = (path: string, options: { signal: AbortSignal }) => Promise<unknown>

const REQUEST_TIMEOUT_MS = 20_000

/** @throws CliError for an address that cannot be one; from a call, CliError for a refusal and for no answer */
export function createApi(address: EdgeAddress, fetchNow: typeof fetch = fetch): GetJson {
  const client = newClient(address, { fetch: fetchNow, retries: 0, tryTimeoutMs: REQUEST_TIMEOUT_MS })
  return async (path, { signal }) => {
    try {
      return await client.get(path, { signal })
    } catch (error) {
      throw signal.aborted ? error : forTerminal(error, address)
    }
  }
}

/** Reads a body that has to fit the schema; another server at that address is the likeliest reason when it does not. */
export function parseBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  throw new CliError(NO_ANSWER_OF_OURS, { cause: result.error })
}

import type { Readable } from "node:stream"
import type { Agent, Dispatcher } from "undici"
import { GuardedFetchError } from "./guarded-fetch-error.ts"
import type { Hop } from "./next-hop.ts"

/** What undici is told; said here, where its error for it is understood. */
export const MAX_HEADER_BYTES = 16_384

export type OpenedHop = { status: number; headers: Headers; stream: Readable }

/**
 * Sends one request and resolves when its headers are there. The body is the caller's to read, and to destroy.
 * @throws GuardedFetchError
 */
export async function openHop(
  agent: Agent,
  { url, method, headers, body }: Hop,
  signal: AbortSignal,
): Promise<OpenedHop> {
  try {
    const response = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method,
      // Nothing is decompressed here, so nothing grows.
      headers: { ...Object.fromEntries(headers), "accept-encoding": "identity" },
      body: body ?? null,
      signal,
    })
    // Its errors reach us by reading it; without a listener they would also end the process.
    response.body.on("error", () => undefined)
    return { status: response.statusCode, headers: toHeaders(response.headers), stream: response.body }
  } catch (error) {
    throw toFetchError(error, url)
  }
}

/** What went wrong after the connection stood. The connector has words of its own for what comes before. */
export function toFetchError(error: unknown, { origin }: URL): unknown {
  if (error instanceof GuardedFetchError || !(error instanceof Error)) return error
  const code = "code" in error ? String(error.code) : ""
  switch (code) {
    case "UND_ERR_INVALID_ARG":
    case "UND_ERR_ABORTED":
      return error
    case "UND_ERR_DESTROYED":
    case "UND_ERR_CLOSED":
      return new GuardedFetchError("closed", "Cannot fetch: this process is shutting down", { cause: error })
    case "UND_ERR_HEADERS_OVERFLOW": {
      const message = `Cannot read the response of ${origin}: its headers exceed ${MAX_HEADER_BYTES} bytes`
      return new GuardedFetchError("bad_response", message, { cause: error })
    }
    case "UND_ERR_SOCKET":
    case "ECONNRESET":
    case "EPIPE":
    case "ETIMEDOUT":
      return new GuardedFetchError(
        "connection_lost",
        `Cannot read the response of ${origin}: the connection was lost`,
        {
          cause: error,
        },
      )
    default:
      return new GuardedFetchError("bad_response", `Cannot read the response of ${origin}: it is not proper HTTP`, {
        cause: error,
      })
  }
}

function toHeaders(raw: Dispatcher.ResponseData["headers"]): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(raw)) {
    for (const one of Array.isArray(value) ? value : [value ?? ""]) headers.append(name, one)
  }
  return headers
}

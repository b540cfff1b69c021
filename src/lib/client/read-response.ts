import { retryAfterMs } from "../retry-after.ts"
import { ClaimcheckError, type Problem } from "./claimcheck-error.ts"

/** A JSON object and its headers; a 304 has no body. */
export type Reply = { status: number; headers: Headers; body: Record<string, unknown> | null }

/** Reads a response; null if it is cut short or not from a claimcheck edge. */
export type ReadResponse<T> = (response: Response) => Promise<T | null>

/** @param isExpected whether the body is what was asked for */
export function readObject(isExpected: (body: Record<string, unknown>) => boolean = () => true): ReadResponse<Reply> {
  return async (response) => {
    const { status, headers } = response
    if (status === 304) return { status, headers, body: null }
    const body = parseObject(await response.text())
    return body !== null && isExpected(body) ? { status, headers, body } : null
  }
}

/** @param bytes the size of the file, if known */
export function readFile(bytes: number | undefined): ReadResponse<Blob> {
  return async (response) => {
    const file = await response.blob()
    return bytes === undefined || file.size === bytes ? file : null
  }
}

export async function readRefusal(response: Response, nowMs: number): Promise<ClaimcheckError> {
  const { status, headers } = response
  const problem = parseObject(await response.text()) as Problem | null
  const code = typeof problem?.code === "string" ? problem.code : `http_${status}`
  const message = [problem?.detail, problem?.title].find((said) => typeof said === "string") ?? notFromEdge(status)
  return new ClaimcheckError(code, message, {
    status,
    retryAfterMs: retryAfterMs(headers, nowMs) ?? undefined,
    problem: problem ?? undefined,
  })
}

/** For an error response that is not a problem document. */
function notFromEdge(status: number): string {
  return `The response with status ${status} is not from a claimcheck edge: check the address and any proxy before it`
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null // Cut short, or a proxy's page: retried.
  }
}

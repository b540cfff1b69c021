import { retryAfterMs } from "../retry-after.ts"
import { ClaimcheckError, type Problem } from "./claimcheck-error.ts"

/** A JSON object and its headers; a 304 has no body. */
export type Reply = { status: number; headers: Headers; body: Record<string, unknown> | null }

/** Reads an answer; null for what no claimcheck edge has sent whole. */
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

/** @param bytes how long the file is, where that is known */
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
  const message = [problem?.detail, problem?.title].find((said) => typeof said === "string") ?? strangerAnswered(status)
  return new ClaimcheckError(code, message, {
    status,
    retryAfterMs: retryAfterMs(headers, nowMs) ?? undefined,
    problem: problem ?? undefined,
  })
}

/** Said of a refusal that is no problem of ours. */
function strangerAnswered(status: number): string {
  return `Something that is no claimcheck edge answered ${status}: check the address, and any proxy before it`
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null // cut short, or a page of some proxy: the caller tries again
  }
}

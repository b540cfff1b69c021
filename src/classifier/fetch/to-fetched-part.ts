import type { GuardedResponse } from "./guarded/guarded-fetch.ts"
import type { FetchedPart } from "./inspect-url.ts"

/** What to ask for the first bytes with; a server that does not know it sends everything, and is broken off. */
export const rangeHeader = (bytes: number) => ({ range: `bytes=0-${bytes - 1}` })

/**
 * What a server has answered to that header (RFC 9110, 14.4 and 15.3.7). Null for an answer that is none: a failure, a part
 * from elsewhere in the file, or one that is longer than the file is said to be.
 */
export function toFetchedPart({ status, headers, body, truncated }: Omit<GuardedResponse, "url">): FetchedPart | null {
  const [, start, total] = /^bytes (?:(\d+)-\d+|\*)\/(\d+|\*)$/.exec(headers.get("content-range") ?? "") ?? []
  const rangeTotal = total === undefined || total === "*" ? undefined : Number(total)
  switch (status) {
    case 200: {
      const declared = headers.get("content-length")
      return { bytes: body, isWhole: !truncated, totalBytes: truncated ? wholeNumber(declared) : body.byteLength }
    }
    case 206:
      if (start !== "0" || (rangeTotal !== undefined && rangeTotal < body.byteLength)) return null
      return { bytes: body, isWhole: body.byteLength === rangeTotal, totalBytes: rangeTotal }
    case 416:
      // No range fits into a file of no bytes.
      return rangeTotal === 0 ? { bytes: body.subarray(0, 0), isWhole: true, totalBytes: 0 } : null
    default:
      return null
  }
}

const wholeNumber = (text: string | null) => (text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined)

import type { FuzzBody } from "./body-arbitrary.ts"
import type { FuzzRequest } from "./request-arbitrary.ts"

/** The request as a runtime hands it over, or null when none would: it is refused before, or cannot be said in HTTP. */
export function toRequest({ method, target, headers, body }: FuzzRequest, signal: AbortSignal): Request | null {
  const known = new Headers()
  for (const [name, value] of body?.type ? [["content-type", body.type] as const, ...headers] : headers) {
    try {
      known.append(name, value)
    } catch {
      // What `Headers` refuses no server would hand on.
    }
  }
  const mayHaveBody = method !== "GET" && method !== "HEAD"
  try {
    return new Request(`http://edge.test${target}`, {
      method,
      headers: known,
      signal,
      ...(body !== null && mayHaveBody && { body: toBody(body), duplex: "half" }),
    } as RequestInit)
  } catch {
    return null // an address or a method that fetch knows to be none
  }
}

function toBody({ bytes, pieces, breaksOff }: FuzzBody): BodyInit {
  if (pieces === 0) return bytes as Uint8Array<ArrayBuffer>
  const size = Math.max(1, Math.ceil(bytes.length / pieces))
  let at = 0
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (at < bytes.length) controller.enqueue(bytes.slice(at, at + size))
      at += size
      if (at < bytes.length) return
      if (breaksOff) controller.error(new TypeError("The client went away"))
      else controller.close()
    },
  })
}

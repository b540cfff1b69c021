import type { Body } from "./connection.ts"

/** URLs, or objects with a URL in a field; or a CSV, TSV, JSON or JSON Lines file. */
export type List =
  | readonly (string | URL | Readonly<Record<string, unknown>>)[]
  | Blob
  | ArrayBuffer
  | Uint8Array
  | ReadableStream<Uint8Array>

/**
 * The body of the request. A stream is read to its end first, so that a lost request can be retried.
 * @throws TypeError for an unsupported type, with the supported ones
 */
export async function toListBody(list: List): Promise<{ contentType: string; body: Body }> {
  if (Array.isArray(list)) return { contentType: "application/json", body: JSON.stringify(list) }
  if (list instanceof Blob) return { contentType: list.type || "application/octet-stream", body: list }
  if (list instanceof ArrayBuffer || ArrayBuffer.isView(list)) {
    return { contentType: "application/octet-stream", body: list as Uint8Array<ArrayBuffer> }
  }
  if (list instanceof ReadableStream) {
    return { contentType: "application/octet-stream", body: await new Response(list).blob() }
  }
  throw new TypeError(
    "Cannot send it: a list is an array of URLs or of objects with a URL, a Blob or File, an ArrayBuffer, a Uint8Array, or a ReadableStream; a text goes into a Blob, and a file is opened, on Node with fs.openAsBlob(path)",
  )
}

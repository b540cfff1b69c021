/** URLs, or objects with a URL in one of their fields; a file of CSV, TSV, JSON or JSON Lines as a Blob, bytes or a stream of bytes. */
export type List =
  | readonly (string | URL | Readonly<Record<string, unknown>>)[]
  | Blob
  | ArrayBuffer
  | Uint8Array
  | ReadableStream<Uint8Array>

/**
 * What is sent. A stream is read to its end first, since a request that is lost is sent again.
 * @throws TypeError for what is no list, with what to pass instead
 */
export async function toListBody(list: List): Promise<{ contentType: string; body: BodyInit }> {
  if (Array.isArray(list)) return { contentType: "application/json", body: JSON.stringify(list) }
  if (list instanceof Blob) return { contentType: list.type || "application/octet-stream", body: list }
  if (list instanceof ArrayBuffer || ArrayBuffer.isView(list)) {
    return { contentType: "application/octet-stream", body: list as BodyInit }
  }
  if (list instanceof ReadableStream) {
    return { contentType: "application/octet-stream", body: await new Response(list).blob() }
  }
  throw new TypeError(
    "Cannot send it: a list is an array of URLs or of objects with a URL, a Blob or File, an ArrayBuffer, a Uint8Array, or a ReadableStream; a text goes into a Blob, and a file is opened, on Node with fs.openAsBlob(path)",
  )
}

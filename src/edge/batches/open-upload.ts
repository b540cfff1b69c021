import { boundaryOf, FilePart } from "../http/file-part.ts"
import { mergeOptions } from "../http/merge-options.ts"
import type { RequestBody } from "../http/request-body.ts"
import { BodyStream } from "./read-stream.ts"

export type ListUpload = {
  /** The bytes of the list. */
  body: BodyStream | FilePart
  contentType: string
  options: Record<string, string>
}

/**
 * A list is the body itself with its options in the query, or the file of a form, whose fields before it are options too.
 * @throws AppError list_too_large, bad_request for a form without a file, and what a RequestBody throws
 */
export async function openUpload(sent: RequestBody, maxBytes: number): Promise<ListUpload> {
  const { request } = sent
  const body = new BodyStream(sent, maxBytes)
  const query = new URL(request.url).searchParams
  const contentType = request.headers.get("content-type") ?? ""
  if (!/^multipart\/form-data\b/i.test(contentType)) return { body, contentType, options: mergeOptions(query) }
  const file = new FilePart(body, boundaryOf(contentType))
  const fields = await file.open()
  return { body: file, contentType: file.contentType, options: mergeOptions(query, fields) }
}

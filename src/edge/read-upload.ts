import { AppError } from "../lib/app-error.ts"
import { readBody } from "./read-body.ts"
import { readJsonUpload } from "./read-json-upload.ts"

/** Boundaries, part headers and option fields of a form around an image. */
const FORM_OVERHEAD_BYTES = 65_536

export type Upload = {
  /** The picture, or where a classifier finds it. */
  source: { bytes: Uint8Array } | { url: string }
  options: Record<string, string>
}

/**
 * An upload is a raw body with its options in the query, a form with a file field `image` and its options as fields, or JSON.
 * What the bytes are is told by the bytes, so a raw body may come under any content type.
 * @throws AppError image_too_large, empty_body, bad_request, invalid_options
 */
export async function readUpload(request: Request, maxImageBytes: number): Promise<Upload> {
  const options = Object.fromEntries(new URL(request.url).searchParams)
  const contentType = request.headers.get("content-type") ?? ""
  if (/^application\/(.*\+)?json\b/i.test(contentType)) {
    const upload = await readJsonUpload(request, maxImageBytes)
    return { ...upload, options: { ...options, ...upload.options } }
  }
  if (!/^multipart\/form-data\b/i.test(contentType)) {
    return { source: { bytes: await readBody(request, maxImageBytes) }, options }
  }
  const form = await readForm(contentType, await readBody(request, maxImageBytes + FORM_OVERHEAD_BYTES))
  const image = form.get("image")
  if (image === null || typeof image === "string") {
    throw new AppError("empty_body", "Cannot read image: the form has no file field `image`")
  }
  if (image.size > maxImageBytes) {
    throw new AppError("image_too_large", `Cannot accept image: ${image.size} bytes exceeds ${maxImageBytes}`)
  }
  for (const [name, value] of form) if (typeof value === "string") options[name] = value
  return { source: { bytes: new Uint8Array(await image.arrayBuffer()) }, options }
}

async function readForm(contentType: string, body: Uint8Array<ArrayBuffer>): Promise<FormData> {
  try {
    return await new Response(body, { headers: { "content-type": contentType } }).formData()
  } catch (cause) {
    throw new AppError("bad_request", "Cannot read the form: its parts do not fit its boundary", { cause })
  }
}

/** Whether the caller wants its picture inferred even if the answer is known (RFC 9111, 5.2.1.4). */
export function wantsFreshAnswer(request: Request): boolean {
  return /\bno-cache\b/i.test(request.headers.get("cache-control") ?? "")
}

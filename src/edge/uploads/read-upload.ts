import { AppError } from "../../lib/app-error.ts"
import { imageTooLarge } from "../../lib/images/too-large.ts"
import { boundaryOf, MAX_FORM_FIELDS } from "../http/file-part.ts"
import { mergeOptions } from "../http/merge-options.ts"
import { readBody } from "../http/read-body.ts"
import type { RequestBody } from "../http/request-body.ts"
import { parseJsonUpload, readJsonUpload, type Upload } from "./read-json-upload.ts"
import { adviceOnText, URL_AS_JSON } from "./text-advice.ts"

/** Boundaries, part headers and option fields of a form around an image. */
const FORM_OVERHEAD_BYTES = 65_536

const OPENING_BRACE = 0x7b
/** Content types that senders put there without being told to. */
const SAYS_NOTHING = /^(application\/x-www-form-urlencoded\b|text\/plain\b|$)/i

/**
 * An upload is a raw body with its options in the query, a form with a file field `image` (or `file`) and its options as
 * fields, or JSON. The format is detected from the bytes, so a raw body may have any content type.
 * @throws AppError image_too_large, empty_body, bad_request, invalid_options, and what a RequestBody throws
 */
export async function readUpload(body: RequestBody, maxImageBytes: number): Promise<Upload> {
  const { request } = body
  const query = new URL(request.url).searchParams
  if (query.has("image_url")) throw badRequest(`\`image_url\` is no option of the query: ${URL_AS_JSON}`)
  const contentType = request.headers.get("content-type") ?? ""
  if (/^application\/(.*\+)?json\b/i.test(contentType)) {
    const upload = await readJsonUpload(body, maxImageBytes)
    return { ...upload, options: mergeOptions(query, Object.entries(upload.options)) }
  }
  if (!/^multipart\/form-data\b/i.test(contentType)) {
    const bytes = await readBody(body, maxImageBytes)
    // JSON whose sender did not say so, as `curl -d` does.
    if (bytes[0] === OPENING_BRACE && SAYS_NOTHING.test(contentType)) {
      const upload = parseJsonUpload(bytes, maxImageBytes)
      return { ...upload, options: mergeOptions(query, Object.entries(upload.options)) }
    }
    refuseText(bytes, contentType)
    return { source: { kind: "payload", bytes }, options: mergeOptions(query) }
  }
  const bytes = await readBody(body, maxImageBytes + FORM_OVERHEAD_BYTES, maxImageBytes)
  const form = await readForm(contentType, bytes)
  const image = form.get("image") ?? form.get("file")
  if (image === null || typeof image === "string") throw noFileIn(form)
  if (form.has("image_url")) throw badRequest("send `image` or `image_url`, not both; `image_url` goes in JSON")
  if (form.getAll("image").length + form.getAll("file").length > 1) {
    throw badRequest("the form has more than one `image`: send one; a list of URLs goes to /v1/batches")
  }
  if (image.size > maxImageBytes) throw imageTooLarge(maxImageBytes, image.size)
  const fields = [...form].filter((field): field is [string, string] => typeof field[1] === "string")
  const options = mergeOptions(query, fields)
  return { source: { kind: "payload", bytes: new Uint8Array(await image.arrayBuffer()) }, options }
}

/** What curl says of a body unless told otherwise. `curl -d @FILE` takes line ends and zero bytes out of a file. */
export const cameFromCurl = (contentType: string) => /^application\/x-www-form-urlencoded\b/i.test(contentType)

const START_BYTES = 200
/** JPEG, PNG, GIF and WebP, as they begin, even without line ends and zero bytes. */
const STRIPPED_IMAGES = ["\xff\xd8", "\x89PNG", "GIF8", "RIFF"]

/** Refuses text, and images that curl has damaged. @throws AppError bad_request */
function refuseText(bytes: Uint8Array, contentType: string): void {
  const start = String.fromCharCode(...bytes.subarray(0, START_BYTES))
  const isForm = cameFromCurl(contentType) && /^(image|file|url|image_url)=/.test(start)
  const [value = ""] = isForm ? new URLSearchParams(start).values() : [start]
  const advice = adviceOnText(value) ?? (isForm ? `the body is a form's text; ${URL_AS_JSON}` : null)
  if (advice !== null) throw badRequest(advice)
  // Every whole image has line ends or zero bytes.
  if (!STRIPPED_IMAGES.some((magic) => start.startsWith(magic))) return
  if (bytes.some((byte) => byte === 0 || byte === 10 || byte === 13)) return
  throw badRequest(
    "its line ends and zero bytes are gone, as curl -d takes them out of a file: use --data-binary @FILE",
  )
}

function noFileIn(form: FormData): AppError {
  const sent = form.get("image") ?? form.get("file")
  if (typeof sent === "string") {
    const advice =
      adviceOnText(sent) ??
      "the form's `image` came as text, not as a file: put @ before the file's name (curl -F image=@photo.jpg); < sends a file's text"
    return new AppError("empty_body", `Cannot read image: ${advice}`)
  }
  if (form.has("image_url")) return badRequest(`a form takes a file in \`image\`; ${URL_AS_JSON}`)
  const names = [...form.keys()].slice(0, 10).map((name) => JSON.stringify(name.slice(0, 40)))
  const has = names.length === 0 ? "no fields" : names.join(", ")
  return new AppError("empty_body", `Cannot read image: the form has no file field "image"; it has ${has}`)
}

const badRequest = (why: string) => new AppError("bad_request", `Cannot read image: ${why}`)

async function readForm(contentType: string, body: Uint8Array<ArrayBuffer>): Promise<FormData> {
  const boundary = boundaryOf(contentType)
  if (countLines(body, `--${boundary}`) > MAX_FORM_FIELDS) {
    throw new AppError("bad_request", `Cannot read the form: it has more than ${MAX_FORM_FIELDS} fields`)
  }
  try {
    // In our own words: what is parsed is what was counted.
    const headers = { "content-type": `multipart/form-data; boundary="${boundary}"` }
    return await new Response(body, { headers }).formData()
  } catch (cause) {
    throw new AppError("bad_request", "Cannot read the form: its parts do not fit its boundary", { cause })
  }
}

/** How many lines of a body begin like this. */
function countLines(body: Uint8Array, start: string): number {
  const mark = new TextEncoder().encode(`\n${start}`)
  let count = 0
  for (let i = 0; i < body.length; i++) {
    let same = 0
    while (same < mark.length && body[i + same] === mark[same]) same++
    if (same === mark.length) count++
  }
  return count
}

/** Whether the caller wants its picture inferred even if the answer is known (RFC 9111, 5.2.1.4). */
export function wantsFreshAnswer(request: Request): boolean {
  return /\bno-cache\b/i.test(request.headers.get("cache-control") ?? "")
}

import { AppError } from "../../lib/app-error.ts"
import { sniffContentType } from "../../lib/images/image-header.ts"
import type { RemoteSource } from "../../lib/queue/job-source.ts"
import { readBody } from "../http/read-body.ts"
import type { RequestBody } from "../http/request-body.ts"
import { checkPictureUrl } from "./picture-url.ts"
import { readDataUrl } from "./read-data-url.ts"

export type Upload = {
  /** The image, or where a classifier finds it. */
  source: { kind: "payload"; bytes: Uint8Array } | RemoteSource
  options: Record<string, string>
}

/** Options beside the picture. */
const OVERHEAD_BYTES = 65_536
/** Of what JSON counts by: commas and opening brackets. */
const MAX_JSON_PARTS = 256

/**
 * An upload as JSON: `image` is a data: URL, or `image_url` says where a classifier finds the picture; the other fields are options.
 * @throws AppError bad_request, empty_body, image_too_large, invalid_options, and what a RequestBody throws
 */
export async function readJsonUpload(body: RequestBody, maxImageBytes: number): Promise<Upload> {
  // Base64 is longer by a third.
  const bytes = await readBody(body, Math.ceil((maxImageBytes * 4) / 3) + OVERHEAD_BYTES, maxImageBytes)
  return parseJsonUpload(bytes, maxImageBytes)
}

/** @throws AppError as readJsonUpload() */
export function parseJsonUpload(body: Uint8Array, maxImageBytes: number): Upload {
  const { image, image_url, ...rest } = parseObject(body)
  const options = Object.fromEntries(Object.entries(rest).flatMap(([name, value]) => toOption(name, value)))
  if (image !== undefined && image_url !== undefined) {
    throw new AppError("bad_request", "Cannot read image: send `image` or `image_url`, not both")
  }
  if (image_url !== undefined) return { source: { kind: "url", url: parseImageUrl(image_url) }, options }
  if (typeof image === "string")
    return { source: { kind: "payload", bytes: readDataUrl(image, maxImageBytes) }, options }
  const what = image === undefined ? "the JSON has neither `image` nor `image_url`" : "`image` must be a data: URL"
  throw new AppError(image === undefined ? "empty_body" : "bad_request", `Cannot read image: ${what}`)
}

/** An upload has few fields and no nesting; a body of millions of either keeps JSON.parse for seconds. */
function refuseManyParts(json: Uint8Array): void {
  let parts = 0
  let isInText = false
  for (let i = 0; i < json.length; i++) {
    const byte = json[i]
    if (isInText) {
      if (byte === BACKSLASH) i++
      else if (byte === QUOTE) isInText = false
    } else if (byte === QUOTE) isInText = true
    else if ((byte === COMMA || byte === BRACKET || byte === BRACE) && ++parts > MAX_JSON_PARTS) {
      throw new AppError(
        "bad_request",
        `Cannot read the body: its JSON has more than ${MAX_JSON_PARTS} fields or levels`,
      )
    }
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const BRACKET = 0x5b
const BRACE = 0x7b

function parseObject(body: Uint8Array): Record<string, unknown> {
  const type = sniffContentType(body)
  if (type.startsWith("image/")) {
    throw new AppError(
      "bad_request",
      `Cannot read the body: it is an image, not JSON: send it with content-type ${type}`,
    )
  }
  refuseManyParts(body)
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body))
  } catch {
    // The parser's own words quote the body, which is not for the log.
    throw new AppError("bad_request", "Cannot read the body: it is not JSON")
  }
  if (value !== null && typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>
  throw new AppError("bad_request", "Cannot read the body: it is no JSON object")
}

/** Options are read as texts, wherever they stand; null is none. */
function toOption(name: string, value: unknown): [string, string][] {
  if (value === null) return []
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return [[name, String(value)]]
  const advice = Array.isArray(value) ? "; one picture is `image_url`, a list of them goes to /v1/batches" : ""
  const shown = JSON.stringify(name.slice(0, 40))
  throw new AppError(
    "invalid_options",
    `Cannot accept options: ${shown} must be a text, a number, true or false${advice}`,
  )
}

function parseImageUrl(value: unknown): string {
  if (typeof value === "string" && /^data:/i.test(value)) {
    throw new AppError("invalid_options", "Cannot accept options: image_url: it is a data: URL, which goes in `image`")
  }
  const checked = typeof value === "string" ? checkPictureUrl(value) : { reason: "is no text" }
  if ("href" in checked) return checked.href
  throw new AppError("invalid_options", `Cannot accept options: image_url: it ${checked.reason}`)
}

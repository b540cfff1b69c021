import { AppError } from "../../lib/app-error.ts"
import { decodeBase64 } from "../../lib/base64.ts"
import { imageTooLarge } from "../../lib/images/too-large.ts"
import { adviceOnText } from "./text-advice.ts"

/**
 * The bytes of a `data:` URL (RFC 2397), base64 or percent-encoded. Its media type is not looked at: the bytes tell what they are.
 * @throws AppError bad_request, image_too_large, empty_body
 */
export function readDataUrl(url: string, maxBytes: number): Uint8Array {
  const comma = url.indexOf(",")
  if (!/^data:/i.test(url) || comma < 0) {
    const advice = adviceOnText(url.slice(0, 100)) ?? "a picture elsewhere goes in `image_url`"
    throw new AppError("bad_request", `Cannot read image: \`image\` is no data: URL; ${advice}`)
  }
  const isBase64 = /;\s*base64\s*$/i.test(url.slice(0, comma))
  const text = url.slice(comma + 1)
  const bytes = isBase64 ? readBase64(text, maxBytes) : decodePercent(text)
  if (bytes.length > maxBytes) throw imageTooLarge(maxBytes, bytes.length)
  if (bytes.length === 0) throw new AppError("empty_body", "Cannot read image: the data: URL is empty")
  return bytes
}

function readBase64(text: string, maxBytes: number): Uint8Array {
  if (text.length > Math.ceil(maxBytes / 3) * 4 + 4) throw imageTooLarge(maxBytes, Math.floor((text.length * 3) / 4))
  try {
    return decodeBase64(text.includes("%") ? decodeURIComponent(text) : text)
  } catch (cause) {
    throw new AppError("bad_request", "Cannot read image: the data: URL is not proper base64", { cause })
  }
}

/** An unencoded character is its bytes in UTF-8; "%" must be followed by two hex digits. */
function decodePercent(text: string): Uint8Array {
  const encoded = new TextEncoder().encode(text)
  const bytes = new Uint8Array(encoded.length)
  let length = 0
  for (let i = 0; i < encoded.length; i++, length++) {
    const byte = encoded[i] ?? 0
    if (byte !== PERCENT) {
      bytes[length] = byte
      continue
    }
    const [high, low] = [hexDigit(encoded[i + 1]), hexDigit(encoded[i + 2])]
    if (high === -1 || low === -1) {
      throw new AppError("bad_request", "Cannot read image: the data: URL is not properly percent-encoded")
    }
    bytes[length] = high * 16 + low
    i += 2
  }
  return bytes.slice(0, length)
}

function hexDigit(char = 0): number {
  if (char >= 0x30 && char <= 0x39) return char - 0x30
  const lower = char | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1
}

const PERCENT = 0x25

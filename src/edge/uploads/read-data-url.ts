import { AppError } from "../../lib/app-error.ts"
import { imageTooLarge } from "../../lib/images/too-large.ts"

/**
 * The bytes of a `data:` URL (RFC 2397), base64 or percent-encoded. Its media type is not looked at: the bytes tell what they are.
 * @throws AppError bad_request, image_too_large, empty_body
 */
export function readDataUrl(url: string, maxBytes: number): Uint8Array {
  const comma = url.indexOf(",")
  if (!/^data:/i.test(url) || comma < 0) {
    throw new AppError(
      "bad_request",
      "Cannot read image: `image` is no data: URL; a picture elsewhere goes in `image_url`",
    )
  }
  const isBase64 = /;\s*base64\s*$/i.test(url.slice(0, comma))
  const text = url.slice(comma + 1)
  const bytes = isBase64 ? decodeBase64(text, maxBytes) : decodePercent(text)
  if (bytes.length > maxBytes) throw imageTooLarge(maxBytes, bytes.length)
  if (bytes.length === 0) throw new AppError("empty_body", "Cannot read image: the data: URL is empty")
  return bytes
}

function decodeBase64(text: string, maxBytes: number): Uint8Array {
  if (text.length > Math.ceil(maxBytes / 3) * 4 + 4) throw imageTooLarge(maxBytes, Math.floor((text.length * 3) / 4))
  let binary: string
  try {
    binary = atob(text.includes("%") ? decodeURIComponent(text) : text)
  } catch (cause) {
    throw new AppError("bad_request", "Cannot read image: the data: URL is not proper base64", { cause })
  }
  return Uint8Array.from(binary, (char) => char.charCodeAt(0))
}

/** A character that is not encoded stands for its bytes in UTF-8; "%" must be followed by two hex digits. */
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
    const hex = String.fromCharCode(encoded[i + 1] ?? 0, encoded[i + 2] ?? 0)
    if (!/^[0-9a-f]{2}$/i.test(hex)) {
      throw new AppError("bad_request", "Cannot read image: the data: URL is not properly percent-encoded")
    }
    bytes[length] = Number.parseInt(hex, 16)
    i += 2
  }
  return bytes.slice(0, length)
}

const PERCENT = 0x25

import { decodeBase64 } from "../../lib/base64.ts"

/** A file of the web page. Its path holds the hash of its content. */
export type PageFile = { path: string; contentType: string } & ({ text: string } | { base64: string })

/** A sample image, with the label that the included model gives it. */
export type Sample = { name: string; label: string; url: string }

export function bodyOf(file: PageFile): string | Uint8Array<ArrayBuffer> {
  if ("text" in file) return file.text
  return decodeBase64(file.base64)
}

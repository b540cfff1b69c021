import { request } from "undici"
import type { Download } from "../lib/redis/rest.ts"

/**
 * fetch() copies what it reads twice before we see it: for photos of 12 megapixels the garbage cost a tenth of the classifier's
 * time (docs/decisions/0009-codecs.md). Here the pieces are what the socket gave.
 */
export const download: Download = async (url, init) => {
  const { statusCode, body } = await request(url, init)
  if (statusCode !== 200) throw new Error(`HTTP ${statusCode}: ${(await body.text()).slice(0, 200)}`)
  return body
}

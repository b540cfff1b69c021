export const URL_AS_JSON = `a picture elsewhere is sent as JSON: curl -d '{"image_url": "https://…"}'`

/** JPEG, PNG, GIF, WebP and TIFF, in base64. */
const BASE64_IMAGE = /^\s*(\/9j\/|iVBORw0KGgo|R0lGOD|UklGR|SUkqA|TU0AK)[A-Za-z0-9+/]*/

/** How to send a text that came in place of an image's bytes; null for any other text. */
export function adviceOnText(start: string): string | null {
  if (/^\s*https?:\/\//i.test(start)) return `it is a URL; ${URL_AS_JSON}`
  if (/^\s*data:/i.test(start)) return 'it is a data: URL, which is sent as JSON: {"image": "data:…"}'
  if (BASE64_IMAGE.test(start)) {
    return 'it is base64, which is sent as JSON, in a data: URL: {"image": "data:image/jpeg;base64,…"}'
  }
  return null
}

/** What browsers and servers agree on, in practice. */
const MAX_PICTURE_URL_CHARS = 2_048

const HOST = /^(\[[0-9a-f:.]+\]|(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*)$/

/**
 * Checks a picture's URL by its spelling. Which addresses may be reached is judged where the connection is opened
 * (src/classifier/fetch/guarded).
 * @returns the URL as the parser spells it, without a fragment; or what is wrong with it
 */
export function checkPictureUrl(text: string): { href: string } | { reason: string } {
  if (text === "") return { reason: "is empty" }
  if (text.length > MAX_PICTURE_URL_CHARS) return { reason: `has more than ${MAX_PICTURE_URL_CHARS} characters` }
  // The parser would drop tabs and line ends, and encode blanks: the result is not what the caller meant.
  if (/ /.test(text)) return { reason: "has a blank in it: write %20" }
  if (/[\s\p{Cc}]/u.test(text)) return { reason: "has a blank or control character in it" }
  let url: URL
  try {
    url = new URL(text)
  } catch (_notOne) {
    return { reason: /^[a-z][a-z0-9+.-]*:/i.test(text) ? "is not a URL" : "is not an absolute URL (https://…)" }
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return { reason: "is not an https or http URL" }
  if (url.username !== "" || url.password !== "") return { reason: "holds a user name or password" }
  url.hash = ""
  if (!HOST.test(url.hostname.replace(/\.$/, ""))) return { reason: "names no host that can be" }
  return url.href.length > MAX_PICTURE_URL_CHARS
    ? { reason: `has more than ${MAX_PICTURE_URL_CHARS} characters when encoded` }
    : { href: url.href }
}

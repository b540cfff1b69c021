/** A URL as it may be shown: without user, password and query. */
export function redactUrl(url: string): string {
  if (!URL.canParse(url)) return "(not a URL)"
  const { protocol, host, pathname, username, password } = new URL(url)
  const credentials = username === "" && password === "" ? "" : "***@"
  return `${protocol}//${credentials}${host}${pathname === "/" ? "" : pathname}`
}

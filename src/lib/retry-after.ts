/** `Retry-After` in milliseconds, from seconds or a date (RFC 9110, 10.2.3); null when there is none that can be read. */
export function retryAfterMs(headers: Headers, nowMs: number): number | null {
  const value = headers.get("retry-after")?.trim() ?? ""
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1_000
  const dateMs = Date.parse(value)
  return Number.isNaN(dateMs) ? null : Math.max(0, dateMs - nowMs)
}

/** The bytes from `start` to before `end`. */
export type ByteRange = { start: number; end: number }

/** The range of a `Range` header; "all" if a server may ignore it, "none" if it is beyond the end (RFC 9110, 14.1.2, 14.2). */
export function parseRange(header: string | undefined, bytes: number): ByteRange | "all" | "none" {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header?.trim() ?? "") ?? []
  if (first === "") {
    if (last === "") return "all"
    return Number(last) === 0 || bytes === 0 ? "none" : { start: Math.max(0, bytes - Number(last)), end: bytes }
  }
  if (last !== "" && Number(last) < Number(first)) return "all"
  if (Number(first) >= bytes) return "none"
  return { start: Number(first), end: last === "" ? bytes : Math.min(bytes, Number(last) + 1) }
}

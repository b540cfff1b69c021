const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A duration to two or three digits: "42 ms", "1.3 s", "2 min 5 s", "3 h 20 min", "4 d 2 h". */
export function humanMs(ms: number): string {
  if (ms < SECOND - 0.5) return `${Math.round(ms)} ms`
  if (ms < 9.95 * SECOND) return `${(ms / SECOND).toFixed(1)} s`
  if (ms < MINUTE - SECOND / 2) return `${Math.round(ms / SECOND)} s`
  if (ms < HOUR - SECOND / 2) return twoUnits(ms, [MINUTE, "min"], [SECOND, "s"])
  if (ms < DAY - MINUTE / 2) return twoUnits(ms, [HOUR, "h"], [MINUTE, "min"])
  return twoUnits(ms, [DAY, "d"], [HOUR, "h"])
}

type Unit = readonly [ms: number, name: string]

function twoUnits(ms: number, [bigMs, big]: Unit, [smallMs, small]: Unit): string {
  const smalls = Math.round(ms / smallMs)
  const perBig = bigMs / smallMs
  const rest = smalls % perBig
  return `${Math.floor(smalls / perBig)} ${big}${rest === 0 ? "" : ` ${rest} ${small}`}`
}

/** Bytes in decimal units, as MAX_IMAGE_BYTES counts them: "640 B", "12.4 kB", "1.2 GB". */
export function humanBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB"] as const
  const power = Math.max(0, Math.min(3, Math.floor(Math.log10(Math.max(1, bytes)) / 3)))
  const amount = bytes / 1_000 ** power
  return `${power === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[power]}`
}

/** A sentence of the server, with times in local time. */
export function noticeText(sentence: string): string {
  return sentence.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (instant) => localTime(Date.parse(instant)))
}

/** "18:17" today, "23 Nov, 18:17" on another day. */
function localTime(ms: number, nowMs = Date.now()): string {
  const date = new Date(ms)
  const time = date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })
  if (date.toDateString() === new Date(nowMs).toDateString()) return time
  return `${date.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`
}

/** "1 job", "1,200 jobs". */
export function countOf(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString("en-US")} ${count === 1 ? one : many}`
}

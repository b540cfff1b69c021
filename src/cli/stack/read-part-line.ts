import { stripVTControlCharacters } from "node:util"
import type { LogLevel } from "../../lib/log.ts"
import type { PartLine, PartStream } from "./part.ts"
import { parseLogLine } from "./render-log-line.ts"

/** Our own Node parts: JSON lines, and on stderr whatever Node itself has to say. */
export function readOwnLine(raw: string, stream: PartStream): PartLine | null {
  const level = parseLogLine(raw)?.level
  if (level !== undefined) return { level, raw, json: true }
  return raw.trim() === "" ? null : { level: stream === "stderr" ? "warn" : "info", raw, json: false }
}

const WRANGLER_NOISE = [
  /^[─\s]*$/,
  /wrangler \d+\.\d+\.\d+/,
  /^Using (secrets|vars) defined in/,
  /^Your Worker has access to/,
  /^Binding\s+Resource/,
  /^env\.\w+ /,
  /^\[wrangler:info\]/,
  /^⎔ (Starting local server|Local server updated)/,
  /newer version of Wrangler|If you think this is a bug|Would you like to report|Using fallback value/,
  /Logs were written to/,
  // workerd's way to say that a client, or an earlier workerd, has hung up.
  /disconnected: /,
  /^\s+stack: .*workerd@/,
]

/** `wrangler dev`: the worker's own lines come through as they are, among wrangler's banner, tables and requests. */
export function readWranglerLine(printed: string, stream: PartStream): PartLine | null {
  const own = parseLogLine(printed)
  if (own !== null) return { level: own.level, raw: printed, json: true }
  const raw = stripVTControlCharacters(printed)
  if (WRANGLER_NOISE.some((pattern) => pattern.test(raw))) return null
  const level = /\[wrangler:error\]|\[ERROR\]/.test(raw)
    ? "error"
    : /\[wrangler:warn\]|\[WARNING\]/.test(raw)
      ? "warn"
      : null
  return { level: level ?? (stream === "stderr" ? "warn" : "info"), raw, json: false }
}

/** "123:M 01 Jan 2026 00:00:00.000 # Some text": the mark tells how grave it is. */
const REDIS_LINE = /^\d+:[A-Z] .{20,30} ([.\-*#]) (.*)$/
const REDIS_LEVEL: Record<string, LogLevel> = { ".": "debug", "-": "debug", "*": "info", "#": "warn" }
/** Said by every start on an ordinary machine, and by every stop. */
const REDIS_NOISE =
  /oO0OoO0|Redis version=|Valkey version=|Configuration loaded|Server initialized|overcommit|TCP backlog|Transparent Huge|Received SIGTERM|User requested shutdown|ready to exit|bye bye/

export function readRedisLine(raw: string): PartLine | null {
  const [, mark = "", text = raw] = REDIS_LINE.exec(raw) ?? []
  if (text.trim() === "" || REDIS_NOISE.test(text)) return null
  return { level: REDIS_LEVEL[mark] ?? "warn", raw: text, json: false }
}

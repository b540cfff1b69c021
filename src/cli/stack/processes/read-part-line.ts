import type { LogLevel } from "../../../lib/log.ts"
import type { PartLine, PartStream } from "../parts/part.ts"
import { parseLogLine } from "../render-log-line.ts"

/** Our own Node parts: JSON lines, and on stderr whatever Node itself has to say. */
export function readOwnLine(raw: string, stream: PartStream): PartLine | null {
  const level = parseLogLine(raw)?.level
  if (level !== undefined) return { level, raw, json: true }
  return raw.trim() === "" ? null : { level: stream === "stderr" ? "warn" : "info", raw, json: false }
}

/** workerd's way to say that a client has hung up. */
const HUNG_UP = /disconnected: |^\s*stack: .*workerd@/

/** workerd: the worker's own lines, and on stderr what workerd itself has to say. */
export function readWorkerdLine(raw: string, stream: PartStream): PartLine | null {
  return HUNG_UP.test(raw) ? null : readOwnLine(raw, stream)
}

/** "123:M 01 Jan 2026 00:00:00.000 # Some text": the mark tells how grave it is. */
const REDIS_LINE = /^\d+:[A-Z] .{20,30} ([.\-*#]) (.*)$/
const REDIS_LEVEL: Record<string, LogLevel> = { ".": "debug", "-": "debug", "*": "info", "#": "warn" }
/** Printed at every start and stop. */
const REDIS_NOISE =
  /oO0OoO0|Redis version=|Valkey version=|Configuration loaded|Server initialized|overcommit|TCP backlog|Transparent Huge|Received SIGTERM|User requested shutdown|ready to exit|bye bye/

export function readRedisLine(raw: string): PartLine | null {
  const [, mark = "", text = raw] = REDIS_LINE.exec(raw) ?? []
  if (text.trim() === "" || REDIS_NOISE.test(text)) return null
  return { level: REDIS_LEVEL[mark] ?? "warn", raw: text, json: false }
}

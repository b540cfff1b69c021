import type { LogFields, LogLevel } from "../../lib/log.ts"
import type { Paint, Style } from "../terminal/terminal.ts"

export type LogLine = { time: string; level: LogLevel; script: string; event: string; fields: LogFields }

const LEVEL_STYLE: Record<LogLevel, Style> = { debug: "dim", info: "green", warn: "yellow", error: "red" }
const PART_COLUMNS = 10
const EVENT_COLUMNS = 22

/** Our own JSON lines, told from whatever else a part prints; null for anything else. */
export function parseLogLine(raw: string): LogLine | null {
  if (!raw.startsWith("{")) return null
  const line = parseObject(raw)
  if (line === null) return null
  const { time, level, server: _server, script, event, ...fields } = line
  if (typeof time !== "string" || typeof event !== "string" || !isLevel(level)) return null
  return { time, level, script: typeof script === "string" ? script : "", event, fields }
}

/** `12:00:01.234 edge       job.queued  jobId=cls_… bytes=1024`, with an error's stack below it. */
export function renderLogLine(line: LogLine, paint: Paint): string {
  const { error, ...fields } = line.fields
  const pairs = Object.entries(fields).map(([key, value]) => `${paint("dim", `${key}=`)}${formatValue(value)}`)
  if (error !== undefined) pairs.push(`${paint("dim", "error=")}${paint("red", summarizeError(error))}`)
  const style = LEVEL_STYLE[line.level]
  const level = line.level === "info" ? "" : `${paint(style, line.level)} `
  const head = `${paint("dim", clockTime(line.time))} ${paint("cyan", line.script.padEnd(PART_COLUMNS))} ${level}`
  const event = paint("bold", line.event.padEnd(pairs.length === 0 ? 0 : EVENT_COLUMNS))
  return [[head + event, ...pairs].join(" "), ...stackLines(error).map((text) => paint("dim", text))].join("\n")
}

function parseObject(raw: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(raw)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    // Not JSON after all: the line is shown as text.
    return null
  }
}

function isLevel(level: unknown): level is LogLevel {
  return typeof level === "string" && Object.hasOwn(LEVEL_STYLE, level)
}

/** Local wall-clock time, to the millisecond: what a person compares with the clock on the wall. */
export function clockTime(time: string | number): string {
  const at = new Date(time)
  if (Number.isNaN(at.getTime())) return String(time)
  const two = (n: number) => String(n).padStart(2, "0")
  const millis = String(at.getMilliseconds()).padStart(3, "0")
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${millis}`
}

function formatValue(value: unknown): string {
  if (typeof value === "number") return String(Number.isInteger(value) ? value : Math.round(value * 1000) / 1000)
  if (typeof value === "string") return value !== "" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)
  return JSON.stringify(value) ?? String(value)
}

function summarizeError(error: unknown): string {
  if (typeof error !== "object" || error === null) return formatValue(error)
  const { name, message, code } = error as { name?: unknown; message?: unknown; code?: unknown }
  return [name, code === undefined ? undefined : `(${String(code)})`, message].filter(Boolean).join(" ")
}

function stackLines(error: unknown, depth = 0): string[] {
  if (typeof error !== "object" || error === null || depth > 4) return []
  const { stack, cause } = error as { stack?: unknown; cause?: unknown }
  const frames = typeof stack === "string" ? stack.split("\n").filter((line) => line.trim().startsWith("at ")) : []
  const below = cause === undefined ? [] : [`caused by ${summarizeError(cause)}`, ...stackLines(cause, depth + 1)]
  return [...frames.map((line) => `    ${line.trim()}`), ...below.map((line) => `  ${line}`)]
}

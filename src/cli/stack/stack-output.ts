import { createLog, type LogFields, type LogLevel } from "../../lib/log.ts"
import type { Paint } from "../terminal/terminal.ts"
import type { PartLine, PartName } from "./parts/part.ts"
import { clockTime, parseLogLine, renderLogLine } from "./render-log-line.ts"

/** Output of the stack: events with `--json`, sentences otherwise. */
export type StackOutput = {
  say: (event: string, fields: LogFields, sentence: string) => void
  warn: (event: string, fields: LogFields, sentence: string) => void
  fail: (event: string, fields: LogFields, sentence: string) => void
  partLine: (name: PartName, line: PartLine) => void
  /** What a part says while it starts waits for this: one that cannot start has it all in its error. */
  partUp: (name: PartName) => void
  /** Until this is called, only what goes wrong is shown of the parts' own lines; afterwards again when stopping. */
  setCalm: (calm: boolean) => void
}

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }
const MAX_HELD = 200
/** Said by `say` already. */
const TOLD_OTHERWISE = /^(gateway|classifier|edge)\.(ready|starting|stopping)$/

export function humanOutput(write: (text: string) => void, paint: Paint, minLevel: LogLevel): StackOutput {
  let calm = true
  const started = new Set<PartName>()
  const held: [PartName, PartLine][] = []
  const partLine = (name: PartName, line: PartLine) => {
    if (RANK[line.level] < Math.max(RANK[minLevel], calm ? RANK.warn : 0)) return
    if (!started.has(name)) {
      if (held.length < MAX_HELD) held.push([name, line])
      return
    }
    const text = renderPartLine(name, line, paint)
    if (text !== null) write(text)
  }
  return {
    say: (_event, _fields, sentence) => write(sentence),
    warn: (_event, _fields, sentence) => write(paint("yellow", sentence)),
    fail: (_event, _fields, sentence) => write(paint("red", sentence)),
    setCalm: (next) => {
      calm = next
    },
    partLine,
    partUp: (name) => {
      started.add(name)
      for (const [from, line] of held) if (from === name) partLine(from, line)
    },
  }
}

/** Raw lines as the parts wrote them, one JSON object each; what is not JSON is wrapped. */
export function jsonOutput(write: (text: string) => void, server: string): StackOutput {
  const log = createLog({ server, script: "cli", write })
  return {
    say: (event, fields) => log.info(event, fields),
    warn: (event, fields) => log.warn(event, fields),
    fail: (event, fields, sentence) => log.error(event, { ...fields, message: sentence }),
    setCalm: () => undefined,
    partUp: () => undefined,
    partLine: (name, { raw, level, json }) => {
      if (json) write(raw)
      else createLog({ server, script: name, write, level: "debug" })[level]("output", { text: raw })
    },
  }
}

function renderPartLine(name: PartName, { raw, json, level }: PartLine, paint: Paint): string | null {
  const line = json ? parseLogLine(raw) : null
  if (line !== null) return TOLD_OTHERWISE.test(line.event) ? null : renderLogLine({ ...line, script: name }, paint)
  const text = level === "error" ? paint("red", raw) : level === "warn" ? paint("yellow", raw) : raw
  return `${paint("dim", clockTime(Date.now()))} ${paint("cyan", name.padEnd(10))} ${text}`
}

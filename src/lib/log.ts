export type LogLevel = "debug" | "info" | "warn" | "error"
export type LogFields = Record<string, unknown>
export type Log = Record<LogLevel, (event: string, fields?: LogFields) => void>

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 }

/** Whoever started the process may wait for this one, so it is written at every level. */
const IS_READY = /\.ready$/

export type LogOptions = {
  /** Which machine speaks: a host name, or the platform's name. */
  server: string
  /** Which part speaks: edge, classifier, gateway, cli. */
  script: string
  write: (line: string) => void
  level?: LogLevel
  now?: () => number
}

/** One JSON line per event: time, level, server, script, event, then the fields. Errors become `{ name, message, code }`. */
export function createLog({ server, script, write, level = "info", now = Date.now }: LogOptions): Log {
  const emit =
    (at: LogLevel) =>
    (event: string, fields: LogFields = {}) => {
      if (RANK[at] < RANK[level] && !IS_READY.test(event)) return
      write(toLine({ time: new Date(now()).toISOString(), level: at, server, script, event }, fields))
    }
  return { debug: emit("debug"), info: emit("info"), warn: emit("warn"), error: emit("error") }
}

/** The head comes first and cannot be overwritten. A field that cannot be serialised is left out. */
function toLine(head: LogFields, fields: LogFields): string {
  try {
    return JSON.stringify({ ...head, ...fields, ...head }, describe)
  } catch {
    // A loop: whoever logs is about to do something more important than to fail here.
    return JSON.stringify({ ...head, unwritable: Object.keys(fields) })
  }
}

function describe(_key: string, value: unknown): unknown {
  if (value instanceof Error) return describeError(value)
  return typeof value === "bigint" ? String(value) : value
}

/** The stack is logged only for unexpected errors. */
function describeError(error: Error): LogFields {
  const code = "code" in error ? error.code : undefined
  return {
    name: error.name,
    message: error.message,
    ...(code === undefined ? { stack: error.stack } : { code }),
    ...(error.cause instanceof Error ? { cause: describeError(error.cause) } : {}),
  }
}

/** A log that keeps nothing, for tests and for libraries that were given none. */
export const silentLog: Log = createLog({ server: "", script: "", write: () => undefined })

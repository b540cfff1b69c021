import { describe, expect, test } from "vitest"
import { readOwnLine, readRedisLine, readWorkerdLine } from "../../../../src/cli/stack/processes/read-part-line.ts"
import { clockTime, parseLogLine, renderLogLine } from "../../../../src/cli/stack/render-log-line.ts"
import { plain } from "../../../../src/cli/terminal/terminal.ts"
import { createLog } from "../../../../src/lib/log.ts"

const TIME = "2026-01-02T03:04:05.678Z"

function logged(event: string, fields: Record<string, unknown>): string {
  let line = ""
  const write = (text: string) => {
    line = text
  }
  createLog({ server: "box", script: "classifier", write, now: () => Date.parse(TIME) }).error(event, fields)
  return line
}

function rendered(raw: string): string {
  const line = parseLogLine(raw)
  if (line === null) throw new Error("not one of our lines")
  return renderLogLine(line, plain)
}

describe("parseLogLine()", () => {
  test("reads what createLog() writes", () => {
    const line = parseLogLine(logged("job.failed", { jobId: "a" }))
    expect(line).toEqual({
      time: TIME,
      level: "error",
      script: "classifier",
      event: "job.failed",
      fields: { jobId: "a" },
    })
  })

  test.each(["", "hello", "{", "[1]", "{}", '{"level":"info"}', '{"time":"x","event":"a","level":"constructor"}'])(
    "leaves %j alone",
    (raw) => expect(parseLogLine(raw)).toBeNull(),
  )
})

describe("renderLogLine()", () => {
  test("shows time, part, event and fields, but not the server", () => {
    const text = rendered(
      logged("job.completed", { jobId: "cls_1", inferMs: 21.34567, note: "two words", at: { x: 1 } }),
    )
    expect(text).toBe(
      `${clockTime(TIME)} classifier error job.completed          jobId=cls_1 inferMs=21.346 note="two words" at={"x":1}`,
    )
  })

  test("indents the stack of an error, and its cause, below the line", () => {
    const error = new Error("outer", { cause: Object.assign(new Error("inner"), { code: "E_IN" }) })
    error.stack = "Error: outer\n    at one (a.ts:1:2)\n    at two (b.ts:3:4)"
    expect(rendered(logged("edge.failed", { error })).split("\n").slice(1)).toEqual([
      "    at one (a.ts:1:2)",
      "    at two (b.ts:3:4)",
      "  caused by Error (E_IN) inner",
    ])
  })

  test("quotes what would read as another field or another line", () => {
    expect(rendered(logged("x", { a: "b c=d", e: "f\ng", h: "" }))).toContain(String.raw`a="b c=d" e="f\ng" h=""`)
  })
})

describe("readOwnLine()", () => {
  test("takes stderr of a Node part for a warning", () => {
    expect(readOwnLine("(node:1) Warning: old", "stderr")).toMatchObject({ level: "warn", json: false })
    expect(readOwnLine("  ", "stderr")).toBeNull()
  })
})

describe("readWorkerdLine()", () => {
  test("passes the worker's own lines, and drops what workerd says of clients that hang up", () => {
    const own = logged("edge.started", {})
    expect(readWorkerdLine(own, "stdout")).toEqual({ level: "error", raw: own, json: true })
    const gone = "workerd/server/server.c++:3943: info: exception = kj/async-io.c++:1: disconnected: peer disconnected"
    expect(readWorkerdLine(gone, "stderr")).toBeNull()
    const refused = "ConfigError: Cannot start: RATE_LIMIT must be off"
    expect(readWorkerdLine(refused, "stderr")).toEqual({ level: "warn", raw: refused, json: false })
  })
})

describe("readRedisLine()", () => {
  test("reads Redis's marks as levels", () => {
    expect(readRedisLine("12:M 20 Nov 2026 23:51:00.123 * Ready to accept connections")).toMatchObject({
      level: "info",
      raw: "Ready to accept connections",
    })
    expect(readRedisLine("12:M 20 Nov 2026 23:51:00.123 # Bad file format")).toMatchObject({ level: "warn" })
    expect(readRedisLine("12:M 20 Nov 2026 23:51:00.123 # WARNING Memory overcommit must be enabled!")).toBeNull()
  })
})

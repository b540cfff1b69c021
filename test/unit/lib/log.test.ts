import { describe, expect, it } from "vitest"
import { AppError } from "../../../src/lib/app-error.ts"
import { createLog, type LogLevel } from "../../../src/lib/log.ts"

function logInto(lines: string[], level?: LogLevel) {
  return createLog({
    server: "here",
    script: "edge",
    write: (line) => lines.push(line),
    now: () => 0,
    ...(level !== undefined && { level }),
  })
}

function lineOf(fields: Record<string, unknown>): Record<string, unknown> {
  const lines: string[] = []
  logInto(lines).info("it.happened", fields)
  expect(lines).toHaveLength(1)
  expect(lines[0]).not.toContain("\n")
  return JSON.parse(lines[0] ?? "")
}

describe("createLog()", () => {
  it("writes one JSON line per event: time, level, server, script, event, then the fields", () => {
    const line = lineOf({ jobId: "1", text: "two\nlines" })
    expect(Object.keys(line)).toEqual(["time", "level", "server", "script", "event", "jobId", "text"])
    expect(line).toMatchObject({ time: "1970-01-01T00:00:00.000Z", level: "info", event: "it.happened" })
  })

  it("leaves out what is below its level", () => {
    const lines: string[] = []
    const log = logInto(lines, "warn")
    for (const level of ["debug", "info", "warn", "error"] as const) log[level](level)
    expect(lines.map((line) => JSON.parse(line).event)).toEqual(["warn", "error"])
  })

  it("says at every level that a process is ready, for whoever waits for it", () => {
    const lines: string[] = []
    logInto(lines, "error").info("classifier.ready")
    expect(lines).toHaveLength(1)
  })

  it("describes an error of ours by its code and causes, without a stack", () => {
    const error = new AppError("redis_unavailable", "Gone", { cause: new AppError("internal", "Why") })
    expect(lineOf({ error }).error).toEqual({
      name: "AppError",
      message: "Gone",
      code: "redis_unavailable",
      cause: { name: "AppError", message: "Why", code: "internal" },
    })
  })

  it("describes another error with its stack, and nothing that hangs on it", () => {
    const error = Object.assign(new Error("Odd"), { request: { authorization: "Bearer hunter2" } })
    const line = lineOf({ error })
    expect(line.error).toEqual({ name: "Error", message: "Odd", stack: expect.stringContaining("log.test.ts") })
    expect(JSON.stringify(line)).not.toContain("hunter2")
  })

  it("never throws for what it is given to write", () => {
    const loop: Record<string, unknown> = {}
    loop.self = loop
    expect(lineOf({ loop, jobId: "1" })).toMatchObject({ event: "it.happened" })
    expect(lineOf({ big: 10n })).toMatchObject({ event: "it.happened" })
    expect(lineOf({ error: Object.assign(new Error("x"), { code: 10n }) })).toMatchObject({ event: "it.happened" })
  })

  it("lets no field pass for what the log itself says", () => {
    expect(lineOf({ level: "error", event: "other", time: "never" })).toMatchObject({
      level: "info",
      event: "it.happened",
      time: "1970-01-01T00:00:00.000Z",
    })
  })
})

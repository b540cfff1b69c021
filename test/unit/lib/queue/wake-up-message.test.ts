import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { decodeWakeUp, encodeWakeUp, type WakeUp } from "../../../../src/lib/queue/wake-up-message.ts"

const MESSAGES: [string, WakeUp][] = [
  ["queued:@inspect@url", { kind: "queued", queue: "@inspect@url" }],
  ["queued", { kind: "queued", queue: undefined }],
  ["canceled:01m7", { kind: "canceled", jobId: "01m7" }],
  ["outbox", { kind: "outbox" }],
  ["batches", { kind: "batches" }],
]

test.each(MESSAGES)("%s is read as it was written", (text, wakeUp) => {
  expect(encodeWakeUp(wakeUp)).toBe(text)
  expect(decodeWakeUp(text)).toEqual(wakeUp)
})

test.each(["", "resumed", "canceled:", "new:m"])("%j, which is not known here, may mean any queue", (text) => {
  expect(decodeWakeUp(text)).toEqual({ kind: "queued" })
})

test("every message that a script publishes is one of these", () => {
  const folder = "src/lib"
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".lua"))
  const texts = files.map((name) => readFileSync(join(folder, name), "utf8")).join("\n")
  const published = [...texts.matchAll(/"PUBLISH", keys\.wakeChannel, "([^"]*)"/g)].map(([, text = ""]) => text)
  expect(published.length).toBe(texts.split('"PUBLISH"').length - 1)
  expect(published.length).toBeGreaterThan(5)
  const known = MESSAGES.map(([text]) => text.replace(/:.*/, ":"))
  expect(published.filter((text) => !known.includes(text))).toEqual([])
})

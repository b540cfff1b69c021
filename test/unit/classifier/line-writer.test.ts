import { EventEmitter } from "node:events"
import { expect, test } from "vitest"
import { createLineWriter } from "../../../src/classifier/line-writer.ts"

test("createLineWriter() writes the lines of one turn of the event loop at once, in order, and none twice", async () => {
  const ends = new EventEmitter()
  const written: string[] = []
  const write = createLineWriter({ write: (text) => written.push(String(text)) > 0 }, ends)
  write("a")
  write("b")
  await Promise.resolve()
  write("c")
  expect(written).toEqual([])
  await new Promise(setImmediate)
  expect(written).toEqual(["a\nb\nc\n"])
  write("d")
  ends.emit("exit")
  expect(written).toEqual(["a\nb\nc\n", "d\n"])
  await new Promise(setImmediate)
  expect(written).toEqual(["a\nb\nc\n", "d\n"])
})

import type { EventEmitter } from "node:events"

/** Writes lines to standard output, those of one turn of the event loop at once: each write is a system call. */
export function createLineWriter(
  stream: Pick<NodeJS.WriteStream, "write">,
  ends: Pick<EventEmitter, "once"> = process,
): (line: string) => void {
  let lines = ""
  const flush = () => {
    if (lines !== "") stream.write(lines)
    lines = ""
  }
  // Whatever ends the process, short of a kill, what was said last is what matters most.
  ends.once("exit", flush)
  return (line) => {
    if (lines === "") setImmediate(flush)
    lines += `${line}\n`
  }
}

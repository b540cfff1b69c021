import { closeSync, existsSync, openSync, readFileSync, writeSync } from "node:fs"

/** What processes write down outside of the queue, as it happens: a line each, there also when the process is killed after it. */
export type Note =
  | { event: "acknowledged"; id: string }
  | { event: "refused"; id: string; reason: string }
  | { event: "started" | "finished"; id: string; answer: string }
  /** The queue said that it has taken the answer. */
  | { event: "accepted"; id: string }

export function openNotes(file: string) {
  const handle = openSync(file, "a")
  return {
    write: (note: Note) => void writeSync(handle, `${JSON.stringify(note)}\n`),
    close: () => closeSync(handle),
  }
}

/** All of them; a last line that is being written now is left out. */
export function readNotes(file: string): Note[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Note)
}

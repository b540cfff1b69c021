import { noticeText } from "./human-units.ts"
import { sayAbove } from "./progress.ts"
import { paintFor } from "./terminal.ts"

/** Of a ticket: why it waits, if it does. */
type Seen = { done: boolean; notice: string | undefined }

/** Says why tickets wait, each time that this changes, and that they go on. Several may be followed: one that waits is enough. */
export function sayNotices(say: (line: string) => void = sayAbove): (id: string, seen: Seen) => void {
  const paint = paintFor(process.stderr)
  const waiting = new Set<string>()
  let said: string | undefined
  return (id, { done, notice }) => {
    if (notice !== undefined) {
      waiting.add(id)
      // The rest is the deadline, which is each ticket's own.
      const reason = notice.split(":")[0]
      if (reason !== said) say(`${paint("yellow", "waiting")} ${noticeText(notice)}`)
      said = reason
      return
    }
    if (!waiting.delete(id) || waiting.size > 0) return
    said = undefined
    // A result says so by itself.
    if (!done) say(`${paint("green", "going on")} what it waited for is there`)
  }
}

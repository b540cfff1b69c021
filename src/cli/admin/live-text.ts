import { moveCursor } from "node:readline"

const HIDE_CURSOR = "\x1b[?25l"
const SHOW_CURSOR = "\x1b[?25h"
const CLEAR_LINE_END = "\x1b[K"
const CLEAR_BELOW = "\x1b[J"

/** Text that is redrawn in place. The caller must keep lines short enough not to wrap. */
export function createLiveText(stream: NodeJS.WriteStream) {
  let drawn = 0
  stream.write(HIDE_CURSOR)
  return {
    draw(text: string): void {
      if (drawn > 0) moveCursor(stream, 0, -drawn)
      const lines = text.split("\n").slice(0, Math.max(1, stream.rows - 1))
      // Line by line rather than clear and write: nothing flickers.
      stream.write(`${lines.map((line) => `\r${line}${CLEAR_LINE_END}\n`).join("")}${CLEAR_BELOW}`)
      drawn = lines.length
    },
    close(): void {
      stream.write(SHOW_CURSOR)
    },
  }
}

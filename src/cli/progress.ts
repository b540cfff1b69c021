import { SingleBar } from "cli-progress"
import { bar as strip } from "./prediction-table.ts"
import { paintFor } from "./terminal.ts"

const BAR_COLUMNS = 24

export type Progress = {
  /** Moves the bar, and says beside it what else is worth knowing. */
  update(done: number, note?: string): void
  /** Takes the bar away while something is written where it stood. */
  above(write: () => void): void
  stop(): void
}

export type ProgressOptions = {
  stream?: NodeJS.WriteStream
  /** How a count is written: as a number, unless said. */
  show?: (count: number) => string
}

/** A progress bar on stderr, for somebody who looks: elsewhere it does nothing. */
export function showProgress(total: number, options: ProgressOptions = {}): Progress {
  const { stream = process.stderr, show = String } = options
  if (!stream.isTTY || total < 2) {
    return { update: () => undefined, above: (write) => write(), stop: () => undefined }
  }
  const paint = paintFor(stream)
  let done = 0
  let note = ""
  const bar = new SingleBar({
    stream,
    hideCursor: true,
    clearOnComplete: true,
    // Ctrl-C is ours to handle; whoever shows the bar stops it.
    gracefulExit: false,
    format: () => {
      const drawn = paint("cyan", strip(done / total, BAR_COLUMNS).padEnd(BAR_COLUMNS))
      return `  ${paint("dim", "▕")}${drawn}${paint("dim", "▏")} ${show(done)}/${show(total)}  ${paint("dim", note)}`
    },
  })
  bar.start(total, 0)
  return {
    update(nextDone, nextNote = "") {
      done = nextDone
      note = nextNote
      bar.update(done)
    },
    above(write) {
      bar.stop()
      write()
      bar.start(total, done)
    },
    stop: () => bar.stop(),
  }
}

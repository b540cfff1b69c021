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

/** A progress bar on stderr, for somebody who looks: elsewhere it does nothing. */
export function showProgress(total: number, stream: NodeJS.WriteStream = process.stderr): Progress {
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
      return `  ${paint("dim", "▕")}${drawn}${paint("dim", "▏")} ${done}/${total}  ${paint("dim", note)}`
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

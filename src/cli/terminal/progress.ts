import { SingleBar } from "cli-progress"
import { bar as strip } from "./prediction-table.ts"
import { paintFor, printError } from "./terminal.ts"

const BAR_COLUMNS = 24

export type Progress = {
  /** Moves the bar, and says beside it what else is worth knowing. */
  update(done: number, note?: string): void
  /** Hides the bar while other text is written. */
  above(write: () => void): void
  stop(): void
}

export type ProgressOptions = {
  stream?: NodeJS.WriteStream
  /** How a count is written: as a number, unless said. */
  show?: (count: number) => string
  now?: () => number
}

/** The bar on the terminal, of which there is one. */
let shown: Progress | undefined

/** Writes a line to stderr, above the bar where there is one. */
export function sayAbove(line: string): void {
  if (shown === undefined) printError(line)
  else shown.above(() => printError(line))
}

const LINE_EVERY_MS = 10_000

function showLines(
  total: number,
  { stream, show, now = Date.now }: Required<Omit<ProgressOptions, "now">> & Pick<ProgressOptions, "now">,
): Progress {
  let saidMs = now()
  return {
    update(done, note = "") {
      if (done >= total || now() - saidMs < LINE_EVERY_MS) return
      saidMs = now()
      stream.write(`${[`${show(done)}/${show(total)}`, note].filter(Boolean).join("  ")}\n`)
    },
    above: (write) => write(),
    stop: () => undefined,
  }
}

/** A progress bar on a terminal; otherwise a line every ten seconds on stderr. */
export function showProgress(total: number, options: ProgressOptions = {}): Progress {
  const { stream = process.stderr, show = String } = options
  if (total < 2) return { update: () => undefined, above: (write) => write(), stop: () => undefined }
  if (!stream.isTTY) return showLines(total, { ...options, stream, show })
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
  const progress: Progress = {
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
    stop() {
      bar.stop()
      if (shown === progress) shown = undefined
    },
  }
  shown = progress
  return progress
}

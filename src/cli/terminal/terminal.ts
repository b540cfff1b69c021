import { styleText } from "node:util"

export type Style = "bold" | "dim" | "red" | "green" | "yellow" | "blue" | "cyan" | "magenta"
/** Colours a text if the stream supports colours. */
export type Paint = (style: Style, text: string) => string

export const plain: Paint = (_style, text) => text

/** Colours for a stream: only on a terminal that has them. `hasColors()` reads NO_COLOR, FORCE_COLOR and TERM. */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  return stream.isTTY && stream.hasColors() ? (style, text) => styleText(style, text) : plain
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

export function printError(text: string): void {
  process.stderr.write(`${text}\n`)
}

/** A closed reader (`| head`) must not crash the command: further output is lost, and `onGone` may end the run. */
export function survivesGoneReader(onGone: () => void): void {
  process.stdout.on("error", onGone)
  process.stderr.on("error", onGone)
}

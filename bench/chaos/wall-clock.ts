import { renameSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const PRELOAD = fileURLToPath(new URL("step-clock.mjs", import.meta.url))

/** The wall clock of one side's processes, which can be stepped while they run. */
export class WallClock {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
    this.step(0)
  }

  /** What its processes are started with. */
  get env(): Record<string, string> {
    return { NODE_OPTIONS: `--import=${PRELOAD}`, CHAOS_CLOCK_FILE: this.#file }
  }

  /** From now on it is off by so much. */
  step(byMs: number): void {
    writeFileSync(`${this.#file}.new`, String(byMs))
    renameSync(`${this.#file}.new`, this.#file)
  }
}

/** The last lines a part printed, for the message that tells why it died. */
export class LastLines {
  readonly #lines: string[] = []
  readonly #max: number

  constructor(max = 15) {
    this.#max = max
  }

  push(line: string): void {
    this.#lines.push(line)
    if (this.#lines.length > this.#max) this.#lines.shift()
  }

  indented(): string {
    return this.#lines.map((line) => `\n    ${line.replaceAll("\n", "\n    ")}`).join("")
  }
}

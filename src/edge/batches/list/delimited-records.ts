import { AppError } from "../../../lib/app-error.ts"
import type { ListLimits } from "./list-limits.ts"

/** One record of a list: its cells, and the line of the text that it begins in. */
export type DelimitedRecord = { line: number; cells: string[] }

const QUOTE = 34
const CR = 13
const LF = 10
type State = "cell_start" | "plain" | "quoted" | "quote_in_quoted"

/**
 * Reads RFC 4180 text piece by piece, as forgiving as spreadsheets are: lines end with CRLF, LF or CR, mixed; text after a
 * closing quote belongs to its cell; empty lines are skipped. Why not csv-parse is told, with
 * what both cost, in docs/decisions/0011-batches.md.
 */
export class DelimitedRecords {
  readonly #delimiter: number
  readonly #limits: Pick<ListLimits, "maxCellChars" | "maxRowChars" | "maxColumns">
  #state: State = "cell_start"
  #cell = ""
  #cells: string[] = []
  #rowChars = 0
  #line = 1
  #startLine = 1
  #afterCr = false
  #quotedCr = false

  constructor(delimiter: string, limits: Pick<ListLimits, "maxCellChars" | "maxRowChars" | "maxColumns">) {
    this.#delimiter = delimiter.charCodeAt(0)
    this.#limits = limits
  }

  /** @throws AppError invalid_list for a cell or record over the limits: the start of the next one is unknown */
  *push(text: string): Generator<DelimitedRecord> {
    let from = 0
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (this.#afterCr) {
        this.#afterCr = false
        if (code === LF) {
          from = i + 1
          continue
        }
      }
      if (this.#state === "quoted") {
        const end = text.indexOf('"', i)
        const piece = text.slice(from, end === -1 ? undefined : end)
        this.#append(piece)
        this.#countLines(piece)
        if (end === -1) return
        this.#state = "quote_in_quoted"
        i = end
        from = end + 1
        continue
      }
      if (code === QUOTE && this.#state === "quote_in_quoted") {
        // Two quotes are one that belongs to the text; the second stays.
        this.#state = "quoted"
        from = i
        // The quote itself must not be found as the closing one.
        this.#append('"')
        from = i + 1
        continue
      }
      if (code === QUOTE && this.#state === "cell_start") {
        this.#state = "quoted"
        from = i + 1
        continue
      }
      if (code === this.#delimiter) {
        this.#append(text.slice(from, i))
        this.#endCell()
        from = i + 1
      } else if (code === LF || code === CR) {
        this.#append(text.slice(from, i))
        this.#afterCr = code === CR
        from = i + 1
        const record = this.#endRecord()
        if (record !== null) yield record
      } else if (this.#state !== "plain") this.#state = "plain"
    }
    this.#append(text.slice(from))
  }

  /** The last record, if no line end follows it. @throws AppError invalid_list for a quote that never closes */
  *end(): Generator<DelimitedRecord> {
    if (this.#state === "quoted") {
      const where = `in the record that begins in line ${this.#startLine}, column ${this.#cells.length + 1}`
      throw new AppError("invalid_list", `Cannot read the list: a quote ${where} never closes`)
    }
    const record = this.#endRecord()
    if (record !== null) yield record
  }

  #append(piece: string): void {
    if (piece === "") return
    const { maxCellChars, maxRowChars } = this.#limits
    this.#cell = this.#cell === "" ? piece : this.#cell + piece
    const where = `begins in line ${this.#startLine}`
    if (this.#cell.length > maxCellChars) {
      const column = `column ${this.#cells.length + 1} of the record that ${where}`
      const hint = this.#state === "plain" ? "" : "; a quote may not be closed"
      const reason = `${column} has more than ${maxCellChars} characters${hint}`
      throw new AppError("invalid_list", `Cannot read the list: ${reason}`)
    }
    if (this.#rowChars + this.#cell.length > maxRowChars) {
      throw new AppError(
        "invalid_list",
        `Cannot read the list: the record that ${where} has more than ${maxRowChars} characters`,
      )
    }
  }

  /** Within quotes. CRLF counts once, by its LF; the two may come in two pieces. */
  #countLines(text: string): void {
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code === CR || (code === LF && !this.#quotedCr)) this.#line++
      this.#quotedCr = code === CR
    }
  }

  #endCell(): void {
    this.#rowChars += this.#cell.length
    this.#cells.push(this.#cell)
    this.#cell = ""
    this.#state = "cell_start"
    if (this.#cells.length > this.#limits.maxColumns) {
      const which = `the record that begins in line ${this.#startLine}`
      throw new AppError(
        "invalid_list",
        `Cannot read the list: ${which} has more than ${this.#limits.maxColumns} columns`,
      )
    }
  }

  #endRecord(): DelimitedRecord | null {
    const isBlank = this.#cells.length === 0 && this.#cell.trim() === ""
    this.#endCell()
    const record = { line: this.#startLine, cells: this.#cells }
    this.#cells = []
    this.#rowChars = 0
    this.#startLine = ++this.#line
    return isBlank ? null : record
  }
}

import { AppError } from "../../../lib/app-error.ts"
import { type DelimitedRecord, DelimitedRecords } from "./delimited-records.ts"
import type { Columns, InputRow } from "./input-row.ts"
import type { ListLimits } from "./list-limits.ts"
import { splitUrls } from "./split-urls.ts"
import { findUrlColumn, looksLikeUrl, MAX_URL_COLUMN_CHARS } from "./url-column.ts"

const MAX_NAMES_SHOWN = 10
const MAX_COLUMNS_TOLD = 100

/** The rows of a table. Its first record names the columns, unless it holds a URL itself. */
export class DelimitedRows {
  readonly columns: Columns = { names: [], urlColumn: -1 }
  readonly #records: DelimitedRecords
  readonly #maxNameChars: number
  readonly #asked: string | undefined
  #isFirst = true

  /** @param urlColumn name of the column with the URLs, when it is not to be guessed */
  constructor(delimiter: string, limits: ListLimits, urlColumn?: string) {
    this.#records = new DelimitedRecords(delimiter, limits)
    this.#maxNameChars = limits.maxNameChars
    this.#asked = urlColumn
  }

  *push(text: string): Generator<InputRow> {
    for (const record of this.#records.push(text)) yield* this.#read(record)
  }

  *end(): Generator<InputRow> {
    for (const record of this.#records.end()) yield* this.#read(record)
  }

  *#read({ line, cells }: DelimitedRecord): Generator<InputRow> {
    if (this.#isFirst) {
      this.#isFirst = false
      if (this.#readHeader(cells)) return
    }
    const { names, urlColumn } = this.columns
    const column = names[urlColumn] ?? ""
    const row: InputRow = { line, cells, column, ...splitUrls(cells[urlColumn] ?? "") }
    if (cells.length > names.length) {
      row.problem = `has ${cells.length} cells where the header has ${names.length}`
      row.cells = cells.slice(0, names.length)
    }
    yield row
  }

  /** False when the first record is a row. @throws AppError invalid_list for names that are too long, or where none is of URLs */
  #readHeader(cells: readonly string[]): boolean {
    const firstUrl = cells.findIndex(looksLikeUrl)
    if (firstUrl !== -1 && this.#asked === undefined) {
      this.columns.names = cells.map((_cell, i) => (i === firstUrl ? "url" : `column_${i + 1}`))
      this.columns.urlColumn = firstUrl
      return false
    }
    const names = cells.map((name) => name.trim())
    if (names.join("").length > this.#maxNameChars) {
      const message = `Cannot read the list: its columns' names have more than ${this.#maxNameChars} characters together`
      throw new AppError("invalid_list", message)
    }
    const found = findUrlColumn(names, this.#asked)
    if (found === -1) throw noUrlColumn(names, this.#asked)
    this.columns.names = names
    this.columns.urlColumn = found
    return true
  }
}

export function noUrlColumn(names: readonly string[], asked: string | undefined): AppError {
  const shown = names.slice(0, MAX_NAMES_SHOWN).map((name) => JSON.stringify(name.slice(0, 40)))
  const more = names.length > shown.length ? ` and ${names.length - shown.length} more` : ""
  const wanted = asked === undefined ? "named like `url`" : `named ${JSON.stringify(asked.slice(0, 40))}`
  const advice = asked === undefined ? "; say which it is with `url_column`" : ""
  const message = `Cannot read the list: no column is ${wanted}; there are ${shown.join(", ")}${more}${advice}`
  const columns = names.filter((name) => name !== "" && name.length <= MAX_URL_COLUMN_CHARS).slice(0, MAX_COLUMNS_TOLD)
  return new AppError("invalid_list", message, { details: { columns } })
}

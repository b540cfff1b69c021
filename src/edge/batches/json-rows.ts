import { AppError } from "../../lib/app-error.ts"
import { noUrlColumn } from "./delimited-rows.ts"
import type { Columns, InputRow } from "./input-row.ts"
import type { JsonRecord, JsonRecords } from "./json-records.ts"
import type { ListLimits } from "./list-limits.ts"
import { splitUrls } from "./split-urls.ts"
import { findUrlColumn, plainName } from "./url-column.ts"

/** The rows of a list in JSON: each a URL, or an object with one or several in a field named as a column would be. */
export class JsonRows {
  readonly columns: Columns = { names: [], urlColumn: -1 }
  readonly #records: JsonRecords
  readonly #limits: Pick<ListLimits, "maxColumns" | "maxNameChars">
  readonly #asked: string | undefined
  readonly #indexes = new Map<string, number>()
  #nameChars = 0

  constructor(records: JsonRecords, limits: Pick<ListLimits, "maxColumns" | "maxNameChars">, urlColumn?: string) {
    this.#records = records
    this.#limits = limits
    this.#asked = urlColumn
  }

  *push(text: string): Generator<InputRow> {
    for (const record of this.#records.push(text)) yield this.#read(record)
  }

  *end(): Generator<InputRow> {
    for (const record of this.#records.end()) yield this.#read(record)
  }

  #read({ line, value }: JsonRecord): InputRow {
    if (typeof value === "string") return this.#readObject(line, { url: value })
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return this.#readObject(line, value as Record<string, unknown>)
    }
    const problem = "is neither a URL nor an object with one"
    return { line, cells: [], column: "", urls: [], separator: ",", problem }
  }

  #readObject(line: number, object: Record<string, unknown>): InputRow {
    const names = Object.keys(object)
    const cells: (string | null)[] = this.columns.names.map(() => null)
    let problem: string | undefined
    for (const name of names) {
      const index = this.#indexOf(name)
      if (index === -1) {
        const { maxColumns, maxNameChars } = this.#limits
        problem = `brings the list to more than ${maxColumns} fields, or their names to more than ${maxNameChars} characters`
      } else cells[index] = asText(object[name])
    }
    const found = this.#findUrls(names)
    const column = names[found] ?? ""
    if (found !== -1 && this.columns.urlColumn === -1) this.columns.urlColumn = this.#indexOf(column)
    const { urls, separator } = urlsOf(found === -1 ? undefined : object[column])
    return { line, cells, column, urls, separator, ...(problem !== undefined && { problem }) }
  }

  #findUrls(names: readonly string[]): number {
    const asked = this.#asked
    const found =
      asked === undefined ? findUrlColumn(names) : names.findIndex((name) => plainName(name) === plainName(asked))
    // In the first row that is how the whole list is; later it is a row like others that lack something.
    if (found === -1 && this.columns.urlColumn === -1) throw noUrlColumn(names, asked)
    return found
  }

  #indexOf(name: string): number {
    const known = this.#indexes.get(name)
    if (known !== undefined) return known
    const { maxColumns, maxNameChars } = this.#limits
    if (this.columns.names.length >= maxColumns || this.#nameChars + name.length > maxNameChars) return -1
    this.#nameChars += name.length
    this.#indexes.set(name, this.columns.names.length)
    this.columns.names.push(name)
    return this.columns.names.length - 1
  }
}

function urlsOf(value: unknown): { urls: string[]; separator: string } {
  if (Array.isArray(value)) return { urls: value.map((item) => asText(item) ?? ""), separator: "," }
  return splitUrls(asText(value) ?? "")
}

function asText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(",")
  if (typeof value === "string") return value
  try {
    return JSON.stringify(value)
  } catch (cause) {
    // What JSON.parse takes can be too deep for the way back.
    throw new AppError("invalid_list", "Cannot read the list: a value in it is nested too deeply", { cause })
  }
}

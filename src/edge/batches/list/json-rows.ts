import { noUrlColumn } from "./delimited-rows.ts"
import type { Columns, InputRow } from "./input-row.ts"
import type { JsonRecord, JsonRecords } from "./json-records.ts"
import type { ListLimits } from "./list-limits.ts"
import { splitUrls } from "./split-urls.ts"
import { findUrlColumn } from "./url-column.ts"

/** The text of a value, null where it is null; and its URLs, if it is an array of texts. */
type Field = { cell: string | null; urls?: string[] }

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

  #read({ line, text, value }: JsonRecord): InputRow {
    if (typeof value === "string") return this.#readFields(line, new Map([["url", { cell: value }]]))
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return this.#readFields(line, readFields(value, text))
    }
    const problem = "is neither a URL nor an object with one"
    return { line, cells: [], column: "", urls: [], separator: ",", problem }
  }

  #readFields(line: number, fields: ReadonlyMap<string, Field>): InputRow {
    const cells: (string | null)[] = this.columns.names.map(() => null)
    let problem: string | undefined
    for (const [name, { cell }] of fields) {
      const index = this.#indexOf(name)
      if (index === -1) {
        const { maxColumns, maxNameChars } = this.#limits
        problem = `brings the list to more than ${maxColumns} fields, or their names to more than ${maxNameChars} characters`
      } else cells[index] = cell
    }
    const names = [...fields.keys()]
    const found = this.#findUrls(names)
    const column = names[found] ?? ""
    if (found !== -1 && this.columns.urlColumn === -1) this.columns.urlColumn = this.#indexOf(column)
    const { urls, separator } = urlsOf((found === -1 ? undefined : fields.get(column)) ?? { cell: null })
    return { line, cells, column, urls, separator, ...(problem !== undefined && { problem }) }
  }

  #findUrls(names: readonly string[]): number {
    const asked = this.#asked
    const found = findUrlColumn(names, asked)
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

function urlsOf({ cell, urls }: Field): { urls: string[]; separator: string } {
  return urls === undefined ? splitUrls(cell ?? "") : { urls, separator: "," }
}

/** What is no text keeps the one it was sent as: JSON.parse() rounds the digits of a long number. */
function readFields(object: object, text: string): Map<string, Field> {
  let texts: Map<string, string> | undefined
  const fields = new Map<string, Field>()
  for (const [name, value] of Object.entries(object)) {
    if (value === null || typeof value === "string") fields.set(name, { cell: value })
    else if (isTexts(value)) fields.set(name, { cell: value.join(","), urls: value })
    else {
      texts ??= readTexts(text)
      fields.set(name, { cell: texts.get(name) ?? null })
    }
  }
  return fields
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string")

const TEXT_OR_BLANK = /("[^"\\]*(?:\\.[^"\\]*)*")|\s+/g

/** The values of an object's fields, by name, as its JSON has them but without white space. The last of several fields with one name counts. */
function readTexts(json: string): Map<string, string> {
  const texts = new Map<string, string>()
  let depth = 0
  let start = 0
  let name = ""
  for (let i = 0; i < json.length; i++) {
    const char = json[i]
    if (char === '"') {
      for (i++; json[i] !== '"'; i++) if (json[i] === "\\") i++
    } else if (depth === 1 && char === ":") {
      name = JSON.parse(json.slice(start, i))
      start = i + 1
    } else if (depth === 1 && (char === "," || char === "}")) {
      const text = json.slice(start, i).trim()
      texts.set(name, /^[[{]/.test(text) ? text.replace(TEXT_OR_BLANK, "$1") : text)
      start = i + 1
    } else if (char === "{" || char === "[") {
      if (++depth === 1) start = i + 1
    } else if (char === "}" || char === "]") depth--
  }
  return texts
}

import { noUrlColumn } from "./delimited-rows.ts"
import type { Columns, InputRow } from "./input-row.ts"
import type { JsonRecord, JsonRecords } from "./json-records.ts"
import type { ListLimits } from "./list-limits.ts"
import { splitUrls } from "./split-urls.ts"
import { findUrlColumn, plainName } from "./url-column.ts"

/** A value as it was parsed, and its text as it was sent. */
type Field = { value: unknown; text: string }

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
    if (typeof value === "string") return this.#readFields(line, new Map([["url", { value, text }]]))
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      const texts = readTexts(text)
      const fields = Object.entries(value).map(
        ([name, value]) => [name, { value, text: texts.get(name) ?? "" }] as const,
      )
      return this.#readFields(line, new Map(fields))
    }
    const problem = "is neither a URL nor an object with one"
    return { line, cells: [], column: "", urls: [], separator: ",", problem }
  }

  #readFields(line: number, fields: ReadonlyMap<string, Field>): InputRow {
    const cells: (string | null)[] = this.columns.names.map(() => null)
    let problem: string | undefined
    for (const [name, field] of fields) {
      const index = this.#indexOf(name)
      if (index === -1) {
        const { maxColumns, maxNameChars } = this.#limits
        problem = `brings the list to more than ${maxColumns} fields, or their names to more than ${maxNameChars} characters`
      } else cells[index] = toCell(field)
    }
    const names = [...fields.keys()]
    const found = this.#findUrls(names)
    const column = names[found] ?? ""
    if (found !== -1 && this.columns.urlColumn === -1) this.columns.urlColumn = this.#indexOf(column)
    const { urls, separator } = urlsOf(found === -1 ? undefined : fields.get(column))
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

function urlsOf(field: Field | undefined): { urls: string[]; separator: string } {
  if (isTexts(field?.value)) return { urls: field.value, separator: "," }
  return splitUrls(field === undefined ? "" : (toCell(field) ?? ""))
}

/** What is no text keeps the one it was sent as: JSON.parse() rounds the digits of a long number. */
function toCell({ value, text }: Field): string | null {
  if (value === null || typeof value === "string") return value
  return isTexts(value) ? value.join(",") : text
}

const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === "string")

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s"{}[\],:]+/g

/** The values of an object's fields, by name, as its text has them but without white space. Of a name that comes twice the last one counts. */
function readTexts(object: string): Map<string, string> {
  const texts = new Map<string, string>()
  let depth = 0
  let name: string | undefined
  let text = ""
  for (const [token] of object.matchAll(TOKENS)) {
    if (token === "}" || token === "]") depth--
    const isEnd = depth === 0 || (depth === 1 && token === ",")
    if (isEnd && name !== undefined) {
      texts.set(name, text)
      name = undefined
    } else if (name !== undefined && (text !== "" || token !== ":")) text += token
    else if (name === undefined && token.startsWith('"')) {
      name = JSON.parse(token) as string
      text = ""
    }
    if (token === "{" || token === "[") depth++
  }
  return texts
}

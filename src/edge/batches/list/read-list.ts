import { AppError } from "../../../lib/app-error.ts"
import { cameFromCurl } from "../../uploads/read-upload.ts"
import { decodeText } from "./decode-text.ts"
import { DelimitedRows } from "./delimited-rows.ts"
import type { Columns, InputRow } from "./input-row.ts"
import { JsonArray, JsonLines } from "./json-records.ts"
import { JsonRows } from "./json-rows.ts"
import { charsetOfType, formatOfType, guessDelimiter, guessFormat, type ListFormat } from "./list-format.ts"
import type { ListLimits } from "./list-limits.ts"

/** How much is looked at to tell what a list is. */
const START_CHARS = 65_536

export type ListSource = {
  body: AsyncIterator<Uint8Array>
  contentType: string
  /** What the list is, if neither its content type nor its start is to decide. */
  format?: ListFormat | undefined
  urlColumn?: string | undefined
  limits: ListLimits
}

export type OpenList = {
  format: ListFormat
  /** It began with a byte order mark: who made it will want one back. */
  hasMark: boolean
  /** Complete once `pages` has ended. */
  columns: Columns
  /** The rows as they come, some hundred at a time: a turn of an async loop for each would cost more than to read it. */
  pages: AsyncGenerator<InputRow[]>
}

/**
 * Reads a list as it streams, never whole.
 * @throws AppError invalid_list, from here or from `pages`, for what cannot be read as a list
 */
export async function readList({ body, contentType, urlColumn, limits, ...source }: ListSource): Promise<OpenList> {
  const { pieces, hasMark } = await decodeText(body, charsetOfType(contentType))
  const { start, isWhole } = await readStart(pieces)
  const format = source.format ?? formatOfType(contentType) ?? guessFormat(start)
  refuseGlued(start, format, contentType)
  const reader = openReader(format, start, { limits, urlColumn })
  return { format, hasMark, columns: reader.columns, pages: readPages(reader, start, isWhole ? null : pieces) }
}

/** A header whose line end is gone: "urlhttps://…". */
const GLUED_HEADER = /(?:^|[,;\t])"?[a-z][a-z_]*"?https?:\/\//i

/** One URL and nothing else is a list. */
const ONE_URL = /^\s*https?:(?!.*https?:)[^,;\t]*$/i

/** A list whose line ends were taken out on the way would be read as one row. @throws AppError bad_request */
function refuseGlued(start: string, format: ListFormat, contentType: string): void {
  if (start.trim() === "" || /[\r\n]/.test(start) || format === "json") return
  if (format === "jsonl") {
    if (!cameFromCurl(contentType) || isJson(start)) return
  } else if (cameFromCurl(contentType) ? ONE_URL.test(start) : !GLUED_HEADER.test(start)) return
  const message =
    "Cannot read the list: its rows stand in one line; curl -d takes a file's line ends out: use --data-binary @FILE"
  const ifSo = cameFromCurl(contentType) ? ", and for a list of one line -H 'content-type: text/csv'" : ""
  throw new AppError("bad_request", message + ifSo)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch (_notWhole) {
    return false
  }
}

type Reader = Pick<DelimitedRows | JsonRows, "columns" | "push" | "end">

function openReader(
  format: ListFormat,
  start: string,
  { limits, urlColumn }: { limits: ListLimits; urlColumn: string | undefined },
): Reader {
  switch (format) {
    case "csv":
      return new DelimitedRows(guessDelimiter(start), limits, urlColumn)
    case "tsv":
      return new DelimitedRows("\t", limits, urlColumn)
    case "json":
      return new JsonRows(new JsonArray(limits), limits, urlColumn)
    case "jsonl":
      return new JsonRows(new JsonLines(limits), limits, urlColumn)
    default:
      return format satisfies never
  }
}

/** The text up to the end of its first line, and the rest of the last piece. Each piece is searched once: pieces may be single bytes. */
async function readStart(pieces: AsyncGenerator<string>): Promise<{ start: string; isWhole: boolean }> {
  let start = ""
  let hasBegun = false
  while (start.length < START_CHARS) {
    const { done, value } = await pieces.next()
    if (done) return { start, isWhole: true }
    start += value
    const text: string = hasBegun ? value : value.trimStart()
    hasBegun ||= text !== ""
    if (/[\r\n]/.test(text)) break
  }
  return { start, isWhole: false }
}

async function* readPages(
  reader: Reader,
  start: string,
  rest: AsyncGenerator<string> | null,
): AsyncGenerator<InputRow[]> {
  yield [...reader.push(start)]
  if (rest !== null) for await (const piece of rest) yield [...reader.push(piece)]
  yield [...reader.end()]
}

import { parse } from "csv-parse/sync"
import { parseJson } from "../parse-json.ts"

export type ResultFormat = "csv" | "tsv" | "jsonl"
type JsonRow = {
  error?: { code: string; message: string }
  results?: { status: string; error?: { code: string; message: string } }[]
}

/** What went wrong in a page of results: each failed row's reason. */
export function failuresIn(page: string, format: ResultFormat, { hasHeader }: { hasHeader: boolean }): string[] {
  if (format === "jsonl") return page.split("\n").flatMap((line) => (line === "" ? [] : failureOfJson(line)))
  const records: string[][] = parse(page, { delimiter: format === "csv" ? "," : "\t", bom: true })
  // The reason stands in the last column; it is empty where nothing went wrong.
  return records.slice(hasHeader ? 1 : 0).flatMap((cells) => reasonIn(cells.at(-1) ?? ""))
}

/** Several pictures of a row have their reasons joined: the first one that says something stands for it. */
function reasonIn(cell: string): string[] {
  const reason = cell.replace(/^[\s,;|]+/, "")
  return reason === "" ? [] : [reason]
}

function failureOfJson(line: string): string[] {
  const { error, results = [] } = parseJson(line) as JsonRow
  const failed = error ?? results.find((result) => result.error !== undefined)?.error
  return failed === undefined ? [] : [`${failed.code}: ${failed.message}`]
}

/** The commonest of them, most first. */
export function commonest(
  failures: Readonly<Record<string, number>>,
  count: number,
): [reason: string, times: number][] {
  return Object.entries(failures)
    .sort(([, a], [, b]) => b - a)
    .slice(0, count)
}

import { checkPictureUrl } from "../../uploads/picture-url.ts"
import type { InputRow } from "./input-row.ts"

const MAX_VALUE_CHARS = 100

/** Why a row cannot be taken. */
export type RowProblem = {
  /** Counted from 1, the header left out. */
  row: number
  line: number
  column: string
  /** The cell's value, cut short. */
  value: string
  reason: string
}

/** The URLs of a row as the parser spells them, or what is wrong with it. */
export function checkRow(
  { line, column, urls, cells, problem }: InputRow,
  row: number,
  maxUrls: number,
): { hrefs: string[] } | { problem: RowProblem } {
  const refuse = (value: string, reason: string) => ({
    problem: { row, line, column, value: cutShort(value), reason },
  })
  if (problem !== undefined) return refuse(cells.filter((cell) => cell !== null).join(","), problem)
  if (urls.length === 0) return refuse("", "has no URL")
  if (urls.length > maxUrls) return refuse(urls.join(","), `has ${urls.length} URLs, more than ${maxUrls}`)
  const hrefs: string[] = []
  for (const url of urls) {
    const checked = checkPictureUrl(url)
    if ("reason" in checked) return refuse(url, checked.reason)
    hrefs.push(checked.href)
  }
  return { hrefs }
}

function cutShort(text: string): string {
  return text.length > MAX_VALUE_CHARS ? `${text.slice(0, MAX_VALUE_CHARS)}…` : text
}

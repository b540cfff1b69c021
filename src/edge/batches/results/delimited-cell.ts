import { spreadsheetText } from "../../../lib/spreadsheet-text.ts"

/** A cell after RFC 4180 that no spreadsheet runs. */
export function delimitedCell(value: string, delimiter: "," | "\t"): string {
  // A cell of a CSV with a comma is quoted; one of a TSV is split there by who takes it for a CSV.
  const text = delimiter === "\t" ? value.split(",").map(spreadsheetText).join(",") : spreadsheetText(value)
  return text.includes(delimiter) || /["\r\n\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export function delimitedLine(cells: readonly (string | null)[], delimiter: "," | "\t"): string {
  return `${cells.map((cell) => delimitedCell(cell ?? "", delimiter)).join(delimiter)}\r\n`
}

/** What a spreadsheet takes for the beginning of a formula (https://owasp.org/www-community/attacks/CSV_Injection). */
const FORMULA = /^[\t\r\n ]*[=+\-@＝＋－＠]|^[\t\r\n]/
const NUMBER = /^[+-]?\d+([.,]\d+)?(e[+-]?\d+)?$/i

/** A cell after RFC 4180 that no spreadsheet runs: an apostrophe keeps a text that begins like a formula a text. */
export function delimitedCell(value: string, delimiter: "," | "\t"): string {
  const text = FORMULA.test(value) && !NUMBER.test(value) ? `'${value}` : value
  return text.includes(delimiter) || /["\r\n\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export function delimitedLine(cells: readonly (string | null)[], delimiter: "," | "\t"): string {
  return `${cells.map((cell) => delimitedCell(cell ?? "", delimiter)).join(delimiter)}\r\n`
}

// What a spreadsheet takes for the beginning of a formula (https://owasp.org/www-community/attacks/CSV_Injection), behind white
// space and quotes, at the start of a cell or of what another reader takes for one: many spreadsheets split a CSV at ";".
const FORMULA = /(^|[;|\t\r\n])([^\S\t\r\n]|")*[=+\-@＝＋－＠]/g
const NUMBER = /^[+-]?\d+([.,]\d+)?(e[+-]?\d+)?$/i
const CELL_END = /[;|\t\r\n]/

/** A cell of a CSV or TSV that no spreadsheet runs: an apostrophe keeps a text that begins like a formula a text. */
export function spreadsheetText(value: string): string {
  const text = value.replaceAll(FORMULA, (found: string, start: string, _blank: string, at: number) => {
    const from = at + start.length
    const length = value.slice(from).search(CELL_END)
    const cell = length === -1 ? value.slice(from) : value.slice(from, from + length)
    return NUMBER.test(cell.trim()) ? found : `${start}'${found.slice(start.length)}`
  })
  return /^[\t\r\n]/.test(value) ? `'${text}` : text
}

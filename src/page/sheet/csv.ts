import { spreadsheetText } from "../../lib/spreadsheet-text.ts"
import { failureOf, type Picture } from "../album/picture.ts"

const COLUMNS = ["file", "label", "probability", "second", "second_probability", "model", "error", "ticket"] as const

/** The answers as RFC 4180 has it, in the order of the pictures. */
export function picturesToCsv(pictures: readonly Picture[]): string {
  const rows = pictures.map((picture) => {
    const { name, progress } = picture
    const ticket = progress.phase === "ticket" ? progress.ticket : undefined
    const [first, second] = ticket?.predictions ?? []
    return [
      name,
      first?.label,
      first?.probability,
      second?.label,
      second?.probability,
      ticket?.model?.id,
      failureOf(picture)?.code,
      ticket?.id,
    ]
  })
  return [COLUMNS, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("")
}

/** File names are untrusted. */
function cell(value: string | number | undefined): string {
  const text = String(value ?? "")
  const plain = typeof value === "string" ? spreadsheetText(text) : text
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}

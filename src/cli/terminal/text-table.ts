import type { Paint } from "./terminal.ts"

/** Columns as wide as their widest cell; the first row is the heading. Numbers stand better at the right. */
export function renderTable(
  rows: readonly (readonly string[])[],
  paint: Paint,
  { right = [] }: { right?: readonly number[] } = {},
): string {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const fit = (cell: string, column: number) =>
    right.includes(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)
  const lines = rows.map((row) => row.map(fit).join("  ").trimEnd())
  return lines.map((line, index) => (index === 0 ? paint("dim", line) : line)).join("\n")
}

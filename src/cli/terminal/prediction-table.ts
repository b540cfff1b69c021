import type { TicketData } from "../../lib/client/claimcheck.ts"
import type { Paint } from "./terminal.ts"

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const
const FULL = "█"

/** A bar as long as the share of `columns`, to an eighth of a column. */
export function bar(share: number, columns: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * columns * 8)
  return FULL.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? "")
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(1)}%`
}

/** The heading and one line per prediction: label, bar, percent. */
export function renderPredictions(
  file: string,
  ticket: TicketData,
  { paint, columns = 80 }: { paint: Paint; columns?: number },
): string {
  const { image, model, timings_ms: timings } = ticket
  const facts = [
    image && `${image.width}×${image.height} ${image.format}`,
    model?.id,
    ticket.cached ? "known already" : typeof timings?.total === "number" ? `${Math.round(timings.total)} ms` : null,
  ].filter(Boolean)
  const heading = [paint("bold", file), paint("dim", facts.join(" · "))].join("  ").trimEnd()
  const predictions = ticket.predictions ?? []
  const labelColumns = Math.min(40, Math.max(0, ...predictions.map(({ label }) => [...label].length)))
  const barColumns = Math.max(8, Math.min(40, columns - labelColumns - 13))
  const rows = predictions.map(({ label, probability }) => {
    const strip = bar(probability, barColumns).padEnd(barColumns)
    return `  ${fitColumns(label, labelColumns)}  ${paint("cyan", strip)}  ${percent(probability).padStart(6)}`
  })
  const unsure = ticket.unknown === true ? [`  ${paint("yellow", "none of these")}: the model is not sure enough`] : []
  return [heading, ...unsure, ...rows].join("\n")
}

function fitColumns(label: string, columns: number): string {
  const letters = [...label]
  if (letters.length > columns) return `${letters.slice(0, columns - 1).join("")}…`
  return label + " ".repeat(columns - letters.length)
}

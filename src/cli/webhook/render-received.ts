import { clockTime } from "../stack/render-log-line.ts"
import { percent } from "../terminal/prediction-table.ts"
import type { Paint, Style } from "../terminal/terminal.ts"
import type { Received } from "./receiver.ts"
import type { WebhookEvent } from "./verify-event.ts"

const COLOUR: Record<string, Style> = {
  "classification.succeeded": "green",
  "classification.failed": "red",
  "classification.canceled": "yellow",
}

/** One calm line for what came. */
export function renderReceived({ atMs, verdict, answered }: Received, paint: Paint): string {
  const time = paint("dim", clockTime(atMs))
  if (!verdict.verified) return `${time}  ${paint("red", `refused with ${answered}`)}  ${verdict.reason}`
  const { event } = verdict
  const type = printable(event.type)
  const facts = [
    time,
    paint(COLOUR[type] ?? "cyan", type),
    printable(event.data.id),
    printable(outcomeOf(event)),
    `verified ${paint("green", "✓")}`,
    answered === 204 ? "" : paint("yellow", `answered ${answered}`),
  ]
  return facts.filter((fact) => fact !== "").join("  ")
}

/** A line for scripts: all that came, and what became of it. */
export function receivedJson({ atMs, verdict, answered }: Received): string {
  const rest = verdict.verified ? { id: verdict.id, event: verdict.event } : { reason: verdict.reason }
  return JSON.stringify({ time: new Date(atMs).toISOString(), verified: verdict.verified, answered, ...rest })
}

function outcomeOf({ data: { predictions, error } }: WebhookEvent): string {
  if (error !== undefined) return `${error.message} (${error.code})`
  const [top] = predictions ?? []
  return top === undefined ? "" : `${top.label} ${percent(top.probability)}`
}

/** Labels and error messages are untrusted: remove terminal control characters. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "�")
}

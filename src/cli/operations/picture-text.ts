import type { TicketData } from "../../lib/client/claimcheck.ts"
import { humanBytes } from "../terminal/human-units.ts"

/** "640×480 · jpeg · 93.1 kB" */
export function pictureText(image: TicketData["image"]): string {
  if (image === undefined) return ""
  const { width, height, format, bytes, frames = 1, orientation } = image
  return [
    `${width}×${height}`,
    format,
    bytes > 0 && humanBytes(bytes),
    frames > 1 && `${frames} frames`,
    orientation > 1 && `orientation ${orientation}`,
  ]
    .filter(Boolean)
    .join(" · ")
}

/** What was made of a picture: "320×240 · 12.4 kB (13 %)". */
export function outputText(output: NonNullable<TicketData["output"]>, image: TicketData["image"]): string {
  const share = image?.bytes ? ` (${Math.round((output.bytes / image.bytes) * 100)} %)` : ""
  return [output.width && `${output.width}×${output.height}`, `${humanBytes(output.bytes)}${share}`]
    .filter(Boolean)
    .join(" · ")
}

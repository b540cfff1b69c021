import { countOf, humanMs } from "../terminal/human-units.ts"
import { paintFor, print } from "../terminal/terminal.ts"
import type { Training } from "./write-model.ts"

type Report = { training: Training; version: string; folder: string; ms: number; json: boolean | undefined }

/** The model as a line of JSON, or for people. */
export function reportTraining({ training, version, folder, ms, json }: Report): void {
  const { name, classes, skipped, accuracy, asked } = training
  const pictures = classes.reduce((sum, own) => sum + own.pictures, 0)
  if (json) {
    const body = {
      model: name,
      version,
      folder,
      classes: classes.length,
      pictures,
      skipped,
      accuracy,
      ms: Math.round(ms),
    }
    print(JSON.stringify(body))
    return
  }
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  const { value, low, high, how } = accuracy
  print(
    `${paintFor(process.stdout)("green", "ok")} ${folder}: ${classes.length} classes, ${countOf(pictures, "image")}, ${humanMs(ms)}`,
  )
  print(
    `accuracy ${percent(value)} (95 % interval ${percent(low)} to ${percent(high)}; ${how}, ${countOf(asked, "image")})`,
  )
}

import { writeFile } from "node:fs/promises"
import { dirname, relative, resolve, sep } from "node:path"
import { runInOrder } from "../classify/run-in-order.ts"
import type { Evaluated, JudgedImage } from "./judge.ts"
import { cellsOf, renderReport, type Shown } from "./render-report.ts"

const SIDE_PX = 120
const AT_ONCE = 4

/**
 * Writes an evaluation as one page. Small copies of the images are in it, so it can be sent to somebody; each links to its file,
 * as seen from the page.
 */
export async function writeReport(path: string, evaluated: Evaluated, signal: AbortSignal): Promise<void> {
  const { default: sharp } = await import("sharp")
  const shown = new Map<JudgedImage, Shown>()
  const small = async ({ file }: JudgedImage) => {
    signal.throwIfAborted()
    const copy = sharp(file)
      .rotate()
      .resize({ width: SIDE_PX, height: SIDE_PX, fit: "inside", withoutEnlargement: true })
    const bytes = await copy.flatten({ background: "#fff" }).jpeg({ quality: 75 }).toBuffer()
    return `data:image/jpeg;base64,${bytes.toString("base64")}`
  }
  await runInOrder(
    cellsOf(evaluated).flatMap(({ images }) => images),
    {
      concurrency: AT_ONCE,
      work: async (image) => {
        // What the server could read and sharp cannot has a link alone.
        const source = await small(image).catch((error: unknown) => {
          if (signal.aborted) throw error
          return null
        })
        return { source, link: linkTo(image.file, path) }
      },
      tell: (one, image) => shown.set(image, one),
    },
  )
  await writeFile(path, renderReport(evaluated, shown))
}

function linkTo(file: string, page: string): string {
  const steps = relative(dirname(resolve(page)), resolve(file)).split(sep)
  // A first step with a colon would be read as a scheme.
  return `./${steps.map(encodeURIComponent).join("/")}`
}

import { OPERATIONS, planOutput } from "../operations/operations.ts"
import type { OutputFormat } from "../operations/planned-output.ts"
import type { JobInput } from "./job.ts"

/*
 * CPU milliseconds of all threads, a megapixel where nothing else is said, as `npx tsx bench/work.ts` measures them on one
 * machine with the default engine and codec. Only their ratios matter.
 */
/** Decoding. A JPEG is decoded at about the needed size, but read as a whole: once, or in several scans. */
const READ_MS: Readonly<Record<string, number>> = { png: 9, webp: 10, avif: 75, gif: 12, tiff: 10 }
const SCAN_JPEG_MS = 2
const SCANS_JPEG_MS = 8
const READ_JPEG_MS = 8
/** Of what is made: libvips works out nothing of what `cover` crops. */
const RESIZE_MS = 25
/** From pixels to a file of middling quality. */
const WRITE_MS: Record<OutputFormat, number> = { jpeg: 40, png: 60, webp: 80, avif: 300, json: 200, npy: 10 }
/** One inference, by whichever model: which of them are served is the operator's choice. */
const INFER_MS = 45
/** What most models look at. */
const MODEL_MEGAPIXELS = 0.1

/** An ordinary classification, of a photo of up to 20 megapixels. */
const UNIT_MS = 50

/** What a picture counts as before its header is known: a photo of a phone. */
const UNSEEN = { format: "jpeg", width: 4_000, height: 3_000 }

/** The work of a job in whole units, from its options and the image's header. An ordinary classification is 1. */
export function jobCost({ operation, image = UNSEEN }: Pick<JobInput, "operation"> & Seen): number {
  const planned = planOutput(operation, image)
  // No pixel is decoded.
  if (planned === null && !OPERATIONS[operation.name].usesModel) return 1
  const outMegapixels = planned === null ? MODEL_MEGAPIXELS : megapixelsOf(planned)
  const readMs = readMsOf(image, outMegapixels)
  const isResized = planned !== null && (planned.width !== image.width || planned.height !== image.height)
  const writeMs =
    planned === null ? INFER_MS : WRITE_MS[planned.format] * qualityFactor(operation, planned.format) * outMegapixels
  return Math.max(1, Math.floor((readMs + (isResized ? RESIZE_MS * outMegapixels : 0) + writeMs) / UNIT_MS))
}

/** The work on an image at a URL beyond what was charged before it was seen, as a share of that charge. Not negative. */
export function unpaidShare(operation: JobInput["operation"], image: SeenImage): number {
  return Math.max(0, jobCost({ operation, image }) / jobCost({ operation }) - 1)
}

/** The rows of a caller's batches together, beside one single job of the same caller. */
export const BATCH_SHARE = 0.25

/** By how much a job moves the finish tag of its caller in the fair queue, as text (src/lib/queue/job.ts). */
export function finishTagStep(cost: number, weight: number): string {
  return String(cost / weight)
}

type SeenImage = Pick<NonNullable<JobInput["image"]>, "format" | "width" | "height" | "isProgressive">
type Seen = { image?: SeenImage | undefined }
type Size = { width: number; height: number }

const megapixelsOf = ({ width, height }: Size) => (width * height) / 1e6

function readMsOf(image: SeenImage, outMegapixels: number): number {
  const megapixels = megapixelsOf(image)
  if (image.format !== "jpeg") return (READ_MS[image.format] ?? READ_JPEG_MS) * megapixels
  return (
    (image.isProgressive ? SCANS_JPEG_MS : SCAN_JPEG_MS) * megapixels +
    READ_JPEG_MS * Math.min(megapixels, 4 * outMegapixels)
  )
}

/** The last steps up to quality 100 cost most: about 1 up to 70, 2 at 90, 3 at 100. The others know no quality. */
function qualityFactor(operation: JobInput["operation"], format: OutputFormat): number {
  const isLossy = format === "jpeg" || format === "webp" || format === "avif"
  return isLossy && "quality" in operation ? 0.9 + 2 * (operation.quality / 100) ** 6 : 1
}

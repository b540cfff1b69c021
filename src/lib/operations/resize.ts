import * as z from "zod"
import { qualityOption, wholeNumberOption } from "./option.ts"
import { type EncodedFormat, outputCapsText } from "./output-caps.ts"
import { type PlannedOutput, type SourcePicture, scaledSize } from "./planned-output.ts"

/** The picture at another size, as an image or as an array of its pixels. */
export const usesModel = false
export const makesFile = true

const MAX_SIDE_PX = 16_384
const DEFAULT_QUALITY = 80

const fitSchema = z.enum(["cover", "contain", "fill", "inside"], "must be cover, contain, fill or inside")
const formatSchema = z.enum(
  ["jpeg", "png", "webp", "avif", "json", "npy"],
  "must be jpeg, png, webp, avif, json or npy",
)

export const options = z
  .strictObject({
    width: wholeNumberOption(1, MAX_SIDE_PX)
      .optional()
      .meta({ description: "Pixels; default: from `height`. One of the two is required" }),
    height: wholeNumberOption(1, MAX_SIDE_PX)
      .optional()
      .meta({ description: "Pixels; default: from `width`. One of the two is required" }),
    fit: fitSchema.default("cover").meta({
      description:
        "`cover` crops, `contain` pads with black, `fill` stretches, `inside` keeps the shape and may be smaller",
    }),
    format: formatSchema.optional().meta({
      description: `Default: the input's own. \`json\` and \`npy\` are the pixels, [height, width, 3] from 0 to 255. ${outputCapsText}`,
    }),
    quality: qualityOption,
  })
  .refine(({ width, height }) => width !== undefined || height !== undefined, {
    message: "must be given, or height",
    path: ["width"],
  })

export const schema = z.object({
  name: z.literal("resize"),
  width: z.number().optional(),
  height: z.number().optional(),
  fit: fitSchema,
  format: formatSchema.optional(),
  quality: z.number(),
})

export function fromOptions({ width, height, fit, format, quality }: z.output<typeof options>): z.infer<typeof schema> {
  return {
    name: "resize",
    ...(width !== undefined && { width }),
    ...(height !== undefined && { height }),
    fit,
    ...(format !== undefined && { format }),
    quality: quality ?? DEFAULT_QUALITY,
  }
}

type Resize = Omit<z.infer<typeof schema>, "name" | "quality">

export function planOutput({ format, fit, ...sides }: Resize, source: SourcePicture): PlannedOutput {
  const { width, height } = resizedSize(source, { fit, ...sides })
  const scale = Math.max(width / source.width, height / source.height)
  const scaledPixels = fit === "cover" ? source.width * source.height * scale ** 2 : width * height
  return { format: format ?? writableFormat(source.format), width, height, scaledPixels }
}

function writableFormat(format: string): EncodedFormat {
  return format === "jpeg" || format === "webp" || format === "avif" ? format : "png"
}

/** A side that is not named follows from the shape; so does the smaller one of what must fit inside. */
function resizedSize(source: SourcePicture, { width, height, fit }: Resize): { width: number; height: number } {
  if (width !== undefined && height !== undefined && fit !== "inside") return { width, height }
  const scaleX = width === undefined ? Number.POSITIVE_INFINITY : width / source.width
  const scaleY = height === undefined ? Number.POSITIVE_INFINITY : height / source.height
  return scaledSize(source, Math.min(scaleX, scaleY))
}

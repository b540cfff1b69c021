import * as z from "zod"
import { numberOption, qualityOption } from "./option.ts"
import { type EncodedFormat, outputCapsText } from "./output-caps.ts"
import { type PlannedOutput, type SourcePicture, scaledSize } from "./planned-output.ts"

/** "By 50 %". */
const DEFAULT_QUALITY = 50

/** A smaller file of the same picture, without its metadata. */
export const usesModel = false
export const makesFile = true

const formatSchema = z.enum(["jpeg", "webp", "avif"], "must be jpeg, webp or avif")

export const options = z.strictObject({
  quality: qualityOption,
  scale: numberOption(0.001, 1)
    .default(1)
    .meta({ description: "Factor for both sides: 0.5 halves the width and the height" }),
  format: formatSchema.optional().meta({
    description: `Default: the input's own for JPEG, WebP and AVIF; otherwise JPEG, or WebP with transparency. ${outputCapsText}`,
  }),
})

export const schema = z.object({
  name: z.literal("compress"),
  quality: z.number(),
  scale: z.number(),
  format: formatSchema.optional(),
})

export function fromOptions({ quality, scale, format }: z.output<typeof options>): z.infer<typeof schema> {
  return { name: "compress", quality: quality ?? DEFAULT_QUALITY, scale, ...(format !== undefined && { format }) }
}

type Plan = PlannedOutput & { format: EncodedFormat }

export function planOutput(
  { format, scale }: Pick<z.infer<typeof schema>, "format" | "scale">,
  source: SourcePicture,
): Plan {
  return { format: format ?? smallFormat(source), ...scaledSize(source, scale) }
}

function smallFormat({ format, hasAlpha }: SourcePicture): EncodedFormat {
  if (format === "jpeg" || format === "webp" || format === "avif") return format
  return hasAlpha === true ? "webp" : "jpeg"
}

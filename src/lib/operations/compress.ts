import * as z from "zod"
import { outputCapsText } from "../outputs/output-caps.ts"
import { numberOption, qualityOption } from "./option.ts"

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
    .meta({ description: "Of both sides: 0.5 is half the width and half the height" }),
  format: formatSchema.optional().meta({
    description: `Without it the input's own: JPEG, WebP or AVIF; anything else becomes JPEG, or WebP if it has alpha. ${outputCapsText}`,
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

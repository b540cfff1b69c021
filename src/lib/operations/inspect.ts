import * as z from "zod"
import { booleanOption } from "./option.ts"

/** What kind of picture it is: format, size, orientation, bytes, hash. No pixel is decoded. */
export const usesModel = false
export const makesFile = false

export const options = z.strictObject({
  sha256: booleanOption
    .optional()
    .meta({ description: "Read the whole image at a URL, so that its hash is always present" }),
})

export const schema = z.object({ name: z.literal("inspect"), sha256: z.boolean().optional() })

export function fromOptions({ sha256 }: z.output<typeof options>): z.infer<typeof schema> {
  return { name: "inspect", ...(sha256 === true && { sha256: true }) }
}

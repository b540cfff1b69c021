import * as z from "zod"
import { booleanOption } from "./option.ts"

/** What kind of picture it is: format, size, orientation, bytes, hash. No pixel is decoded. */
export const usesModel = false
export const makesFile = false

export const options = z.strictObject({
  sha256: booleanOption
    .optional()
    .meta({ description: "Reads all of a picture that is named by its URL, for its hash, which may be missing else" }),
})

export const schema = z.object({ name: z.literal("inspect"), sha256: z.boolean().optional() })

export function fromOptions({ sha256 }: z.output<typeof options>): z.infer<typeof schema> {
  return { name: "inspect", ...(sha256 === true && { sha256: true }) }
}

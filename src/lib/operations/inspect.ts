import * as z from "zod"

/** What kind of picture it is: format, size, orientation, bytes, hash. No pixel is decoded. */
export const usesModel = false
export const makesFile = false

export const options = z.strictObject({
  sha256: z
    .enum(["true", "false"], "must be true or false")
    .optional()
    .meta({ description: "Read all of a picture that is named by its URL, for its hash; else it may be left out" }),
})

export const schema = z.object({ name: z.literal("inspect"), sha256: z.boolean().optional() })

export function fromOptions({ sha256 }: z.output<typeof options>): z.infer<typeof schema> {
  return { name: "inspect", ...(sha256 === "true" && { sha256: true }) }
}

import * as z from "zod"

/** What kind of picture it is: format, size, orientation, bytes, hash. No pixel is decoded. */
export const usesModel = false

export const options = z.strictObject({})

export const schema = z.object({ name: z.literal("inspect") })

export function fromOptions(_options: z.output<typeof options>): z.infer<typeof schema> {
  return { name: "inspect" }
}

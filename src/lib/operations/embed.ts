import * as z from "zod"
import { booleanOption } from "./option.ts"

/** What a model sees on the picture, as numbers: the features that go into its last dense layer. */
export const usesModel = true
export const makesFile = false

export const options = z.strictObject({
  normalize: booleanOption.optional().meta({ description: "Scales the features to length 1" }),
  encoding: z
    .enum(["json", "base64"], "must be json or base64")
    .default("json")
    .meta({ description: "`json`: numbers of 7 digits. `base64`: float32, little-endian" }),
})

export const schema = z.object({
  name: z.literal("embed"),
  normalize: z.boolean().optional(),
  base64: z.boolean().optional(),
})

export function fromOptions({ normalize, encoding }: z.output<typeof options>): z.infer<typeof schema> {
  return {
    name: "embed",
    ...(normalize === true && { normalize }),
    ...(encoding === "base64" && { base64: true }),
  }
}

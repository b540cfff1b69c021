import * as z from "zod"
import { numberOption, wholeNumberOption } from "./option.ts"

/** What is on the picture, by a model. */
export const usesModel = true
export const makesFile = false

export const options = z.strictObject({
  top_k: wholeNumberOption(1, 1_000).default(5).meta({ description: "Number of predictions, best first" }),
  threshold: numberOption(0, 1).optional().meta({ description: "Drops predictions below this probability" }),
  output: z
    .enum(["predictions", "scores"], "must be predictions or scores")
    .default("predictions")
    .meta({ description: "`scores` adds the probability of every class, by class index" }),
  lang: z
    .string()
    .regex(/^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$/, "must be a language tag such as de")
    .optional()
    .meta({ description: "Language of the labels, if the model has it" }),
})

export const schema = z.object({
  name: z.literal("classify"),
  topK: z.number(),
  threshold: z.number().optional(),
  scores: z.boolean().optional(),
  lang: z.string().optional(),
})

export function fromOptions({ top_k, threshold, output, lang }: z.output<typeof options>): z.infer<typeof schema> {
  return {
    name: "classify",
    topK: top_k,
    ...(threshold !== undefined && { threshold }),
    ...(output === "scores" && { scores: true }),
    ...(lang !== undefined && { lang }),
  }
}

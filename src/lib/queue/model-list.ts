import * as z from "zod"

const modelSchema = z
  .object({
    id: z.string().meta({ description: "Value for the option `model`" }),
    name: z.string(),
    version: z.string(),
    input: z.object({ width: z.number().int(), height: z.number().int() }),
    labels: z.number().int().meta({ description: "Number of classes" }),
    languages: z.array(z.string()).meta({ description: "Values for the option `lang`" }),
    engine: z
      .object({
        name: z.string().meta({ description: "`wasm` or `native`" }),
        plan: z.boolean().meta({ description: "False: it runs as TF.js loads it, which is slower" }),
        reason: z.string().optional().meta({ description: "Why it has no plan" }),
      })
      .optional()
      .meta({ description: "What computes it in the classifier that started last" }),
    classifiers: z.number().int().meta({ description: "Classifiers that serve it now" }),
  })
  .meta({ id: "Model" })

const unservedSchema = z
  .object({
    id: z.string(),
    last_seen: z.iso.datetime().meta({ description: "Time of the last heartbeat of a classifier that served it" }),
  })
  .meta({ id: "UnservedModel" })

/** The models that are served, as they stand on the wire. */
export const modelListSchema = z.object({
  models: z.array(modelSchema),
  unserved: z.array(unservedSchema).meta({
    description: "Models that no classifier serves now, but one did within the last day. Uploads for them wait",
  }),
})
export type ModelList = z.infer<typeof modelListSchema>

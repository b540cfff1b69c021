import * as z from "zod"

/** RFC 9457 problem details with our `code`. Which codes occur is said where they do. */
export const problemSchema = z
  .object({
    type: z.literal("about:blank"),
    title: z.string().meta({ description: "What the code means" }),
    status: z.number().int().min(400).max(599),
    code: z.string().meta({ description: "The stable name of what went wrong: branch on this" }),
    detail: z.string().meta({ description: "What to change, and which limit it ran into; for people" }),
  })
  .meta({ id: "Problem" })

import * as z from "zod"

/** RFC 9457 problem details with our `code`. Each route lists its codes. */
export const problemSchema = z
  .object({
    type: z.literal("about:blank"),
    title: z.string().meta({ description: "Meaning of the code" }),
    status: z.number().int().min(400).max(599),
    code: z.string().meta({ description: "Stable name of the error; branch on it" }),
    detail: z.string().meta({ description: "For people: what to change, and which limit was exceeded" }),
  })
  .meta({ id: "Problem" })

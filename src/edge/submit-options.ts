import * as z from "zod"
import { AppError } from "../lib/app-error.ts"
import { webhookUrlOrNoneSchema } from "../lib/webhook-url.ts"
import { MAX_DEADLINE_MS } from "./config.ts"
import { reasonsOf } from "./reasons-of.ts"

const number = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.int().min(min).max(max))

/** Options of a submit, as they come in the query or as form fields. Others are left alone. */
export const submitOptionsSchema = z.object({
  model: z.string().min(1).max(64).optional().meta({ description: "Which model; without it the server's default" }),
  top_k: number(1, 1_000).default(5).meta({ description: "How many predictions" }),
  deadline_ms: number(1, MAX_DEADLINE_MS)
    .optional()
    .meta({ description: "Not started by then means failed, in milliseconds from now; an hour unless said" }),
  webhook_url: webhookUrlOrNoneSchema.optional().meta({
    description: "Where the ticket is posted to when it is done; empty for nowhere, whatever the API key says",
  }),
  operation: z
    .literal("classify", "must be classify")
    .default("classify")
    .meta({ description: "What is to be done with the image" }),
})
export type SubmitOptions = z.infer<typeof submitOptionsSchema>

/** @throws AppError invalid_options that names the option */
export function parseSubmitOptions(options: Record<string, string>): SubmitOptions {
  const parsed = submitOptionsSchema.safeParse(options)
  if (parsed.success) return parsed.data
  throw new AppError("invalid_options", `Cannot accept options: ${reasonsOf(parsed.error)}`)
}

import * as z from "zod"
import { AppError } from "../lib/app-error.ts"
import { webhookUrlOrNoneSchema } from "../lib/webhook-url.ts"
import { MAX_DEADLINE_MS } from "./config.ts"

const number = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(min).max(max))

/** Options of a submit, as they come in the query or as form fields. Others are left alone. */
export const submitOptionsSchema = z.object({
  model: z.string().min(1).max(64).optional(),
  top_k: number(1, 1_000).default(5),
  deadline_ms: number(1, MAX_DEADLINE_MS).optional(),
  /** Empty: none, whatever the caller's default is. */
  webhook_url: webhookUrlOrNoneSchema.optional(),
  operation: z.literal("classify", "must be classify").default("classify"),
})
export type SubmitOptions = z.infer<typeof submitOptionsSchema>

/** @throws AppError invalid_options that names the option */
export function parseSubmitOptions(options: Record<string, string>): SubmitOptions {
  const parsed = submitOptionsSchema.safeParse(options)
  if (parsed.success) return parsed.data
  const reasons = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`)
  throw new AppError("invalid_options", `Cannot accept options: ${reasons.join("; ")}`)
}

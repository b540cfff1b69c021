import * as z from "zod"
import { AppError } from "../../lib/app-error.ts"
import { type Operation, operationNames, operationOptions, parseOperation } from "../../lib/operations/operations.ts"
import { wholeNumberOption } from "../../lib/operations/option.ts"
import { webhookUrlOrNoneSchema } from "../../lib/webhooks/webhook-url.ts"
import { MAX_DEADLINE_MS } from "../config.ts"
import { reasonsOf } from "../reasons-of.ts"

/** Options that every submit has. */
const commonOptionsSchema = z.object({
  model: z.string().min(1).max(64).optional().meta({ description: "Model; default: the server's" }),
  deadline_ms: wholeNumberOption(1, MAX_DEADLINE_MS).optional().meta({
    description: "Milliseconds from now. Not started by then means failed; an hour unless the server says otherwise",
  }),
  webhook_url: webhookUrlOrNoneSchema.optional().meta({
    description: "Where the ticket is sent when it is done. Empty: nowhere, even if the API key has a default",
  }),
  operation: z
    .enum(operationNames, `must be one of ${operationNames.join(", ")}`)
    .default("classify")
    .meta({ description: "What is done with the image" }),
})

/** All options of a submit, as they come in the query or as form fields; which of them go together is up to the operation. */
export const submitOptionsSchema = commonOptionsSchema.extend(operationOptions)
export type SubmitOptions = Omit<z.output<typeof commonOptionsSchema>, "operation"> & { operation: Operation }

/** @throws AppError invalid_options that names the option */
export function parseSubmitOptions(options: Readonly<Record<string, string>>): SubmitOptions {
  const parsed = commonOptionsSchema.safeParse(options)
  if (!parsed.success) throw new AppError("invalid_options", `Cannot accept options: ${reasonsOf(parsed.error)}`)
  const { operation, ...common } = parsed.data
  const own = Object.entries(options).filter(([name]) => !Object.hasOwn(commonOptionsSchema.shape, name))
  return { ...common, operation: parseOperation(operation, Object.fromEntries(own)) }
}

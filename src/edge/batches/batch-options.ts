import * as z from "zod"
import { AppError } from "../../lib/app-error.ts"
import { wholeNumberOption } from "../../lib/operations/option.ts"
import { type Operation, parseOperation } from "../../lib/operations.ts"
import { webhookUrlOrNoneSchema } from "../../lib/webhook-url.ts"
import { MAX_DEADLINE_MS } from "../config.ts"
import { reasonsOf } from "../reasons-of.ts"

export const MAX_BATCH_SIZE = 1_000

/** Options that every batch has; the others are those of its operation (src/lib/operations.ts). */
export const batchOptionsSchema = z.object({
  operation: z.string().default("classify").meta({ description: "What is done with each picture" }),
  model: z.string().min(1).max(64).optional().meta({ description: "Which model; without it the server's default" }),
  batch_size: wholeNumberOption(1, MAX_BATCH_SIZE)
    .default(64)
    .meta({ description: "How many pictures may be in the queue or in work at once" }),
  on_invalid: z
    .enum(["reject", "skip"], "must be reject or skip")
    .default("reject")
    .meta({ description: "`skip` takes the rows that can be taken; without it one bad row refuses the list" }),
  url_column: z.string().min(1).max(200).optional().meta({ description: "Name of the column with the URLs" }),
  format: z
    .enum(["csv", "tsv", "json", "jsonl"], "must be csv, tsv, json or jsonl")
    .optional()
    .meta({ description: "What the list is; else its content type says it, or its beginning" }),
  deadline_ms: wholeNumberOption(1, MAX_DEADLINE_MS)
    .default(MAX_DEADLINE_MS)
    .meta({ description: "What is not done by then is given up, in milliseconds from now; a day unless said" }),
  webhook_url: webhookUrlOrNoneSchema.optional().meta({
    description: "Where the ticket is posted to when the batch is done; empty for nowhere, whatever the API key says",
  }),
  webhook_every: wholeNumberOption(1, 1_000_000)
    .optional()
    .meta({ description: "And each time that so many more pictures are done, a hundred times at most" }),
})
export type BatchOptions = Omit<z.output<typeof batchOptionsSchema>, "operation"> & { operation: Operation }

/** @throws AppError invalid_options that names the option */
export function parseBatchOptions(options: Readonly<Record<string, string>>): BatchOptions {
  const parsed = batchOptionsSchema.safeParse(options)
  if (!parsed.success) throw new AppError("invalid_options", `Cannot accept options: ${reasonsOf(parsed.error)}`)
  const { operation, ...common } = parsed.data
  const own = Object.entries(options).filter(([name]) => !Object.hasOwn(batchOptionsSchema.shape, name))
  return { ...common, operation: parseOperation(operation, Object.fromEntries(own)) }
}

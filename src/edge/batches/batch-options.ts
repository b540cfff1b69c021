import * as z from "zod"
import { AppError } from "../../lib/app-error.ts"
import { type Operation, operationNames, operationOptions, parseOperation } from "../../lib/operations/operations.ts"
import { wholeNumberOption } from "../../lib/operations/option.ts"
import { webhookUrlOrNoneSchema } from "../../lib/webhooks/webhook-url.ts"
import { MAX_DEADLINE_MS } from "../config.ts"
import { reasonsOf } from "../reasons-of.ts"
import { MAX_URL_COLUMN_CHARS } from "./list/url-column.ts"

const MAX_BATCH_SIZE = 1_000

/** Options that every batch has; the others are those of its operation (src/lib/operations/operations.ts). */
const commonOptionsSchema = z.object({
  operation: z
    .enum(operationNames, `must be one of ${operationNames.join(", ")}`)
    .default("classify")
    .meta({ description: "Operation on each image" }),
  model: z.string().min(1).max(64).optional().meta({ description: "Model; default: the server's" }),
  batch_size: wholeNumberOption(1, MAX_BATCH_SIZE)
    .default(64)
    .meta({ description: "Maximum number of images of the batch that are queued or in work at the same time" }),
  on_invalid: z
    .enum(["reject", "skip"], "must be reject or skip")
    .default("reject")
    .meta({ description: "`skip` returns invalid rows as failed; `reject` refuses a list that has any" }),
  url_column: z.string().min(1).max(MAX_URL_COLUMN_CHARS).optional().meta({
    description: "Column or JSON field with the URLs. Default: one named like `url` or `image_url`",
  }),
  format: z
    .enum(["csv", "tsv", "json", "jsonl"], "must be csv, tsv, json or jsonl")
    .optional()
    .meta({ description: "Format of the list. Default: from the content type, else from the first bytes" }),
  deadline_ms: wholeNumberOption(1, MAX_DEADLINE_MS)
    .default(MAX_DEADLINE_MS)
    .meta({ description: "Milliseconds from now. Images that are not done by then fail" }),
  webhook_url: webhookUrlOrNoneSchema.optional().meta({
    description: "URL that receives the batch's ticket when it is done. Empty: none, even if the API key has a default",
  }),
  webhook_every: wholeNumberOption(1, 1_000_000).optional().meta({
    description: "Also sends `batch.progress` each time this many more images are done, at most 100 times",
  }),
})
export type BatchOptions = Omit<z.output<typeof commonOptionsSchema>, "operation"> & { operation: Operation }

/** All options of a batch. Of the operation's, `format` is named `output_format`: `format` is the list's. */
export const batchOptionsSchema = commonOptionsSchema.extend({
  ...Object.fromEntries(Object.entries(operationOptions).filter(([name]) => name !== "format")),
  ...(operationOptions.format && { output_format: operationOptions.format }),
})

/** @throws AppError invalid_options that names the option */
export function parseBatchOptions(options: Readonly<Record<string, string>>): BatchOptions {
  const parsed = commonOptionsSchema.safeParse(options)
  if (!parsed.success) throw new AppError("invalid_options", `Cannot accept options: ${reasonsOf(parsed.error)}`)
  const { operation, ...common } = parsed.data
  const own = Object.entries(options)
    .filter(([name]) => !Object.hasOwn(commonOptionsSchema.shape, name))
    .map(([name, value]) => [name === "output_format" ? "format" : name, value])
  return { ...common, operation: parseOperation(operation, Object.fromEntries(own), { format: "output_format" }) }
}

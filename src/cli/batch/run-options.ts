import { randomUUID } from "node:crypto"
import { OPERATIONS, operationNames, operationOptions } from "../../lib/operations/operations.ts"
import type { EdgeOptions } from "../api/edge-options.ts"
import { CliError, EXIT } from "../cli-error.ts"
import type { BatchRun } from "./batch-run.ts"

/** The options of `claimcheck batch`. */
export type RunOptions = EdgeOptions & {
  operation: string
  out?: string
  model?: string
  option: string[]
  batchSize?: number
  urlColumn?: string
  onInvalid?: string
  skipInvalid?: true
  webhookUrl?: string
  webhookEvery?: number
  download?: string
  nameColumn?: string
  charset?: string
  resume?: true
  cancel?: true
  force?: true
  /** Of the operation; what they may be is the server's to say. */
  [option: string]: unknown
}

/** A list has a `format` of its own, so the API of batches calls the operation's so. */
export const OPERATION_OPTIONS = Object.keys(operationOptions).map((name) => ({
  name: name === "format" ? "output_format" : name,
  operations: operationNames.filter((operation) => Object.hasOwn(OPERATIONS[operation].options.shape, name)),
}))

/** A run that is not sent yet, with its options as the query of the request. */
export function newRun(list: string, options: RunOptions): BatchRun {
  const query = new URLSearchParams({ operation: options.operation })
  for (const { name } of OPERATION_OPTIONS) {
    const value = options[name.replace(/_(\w)/g, (_all, letter: string) => letter.toUpperCase())]
    if (value !== undefined) query.set(name, String(value))
  }
  for (const pair of options.option) query.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1))
  const named = {
    model: options.model,
    batch_size: options.batchSize,
    url_column: options.urlColumn,
    on_invalid: options.onInvalid ?? (options.skipInvalid && "skip"),
    webhook_url: options.webhookUrl,
    webhook_every: options.webhookEvery,
  }
  for (const [name, value] of Object.entries(named)) if (value !== undefined) query.set(name, String(value))
  const asked = { url: options.url, list, query: query.toString(), idempotencyKey: randomUUID() }
  return { ...asked, rows: 0, bytes: 0, failures: {}, failedRows: 0 }
}

/** A resumed run keeps its options; different ones are refused. */
export function refuseChanges(before: BatchRun, again: BatchRun, flag: string): void {
  const [sent, asked] = [new URLSearchParams(before.query), new URLSearchParams(again.query)]
  // The default stands for what was sent.
  if (asked.get("operation") === "classify") asked.delete("operation")
  const changed = [...asked].find(([name, value]) => sent.get(name) !== value)?.[0]
  if (changed === undefined) return
  const advice = "leave it out, or begin anew with --force"
  throw new CliError(`${flag} goes on with the batch as it was sent, and cannot change ${flagOf(changed)}: ${advice}`, {
    exitCode: EXIT.usage,
  })
}

const flagOf = (name: string) => `--${name.replaceAll("_", "-")}`

import type * as z from "zod"
import type { options as compress } from "../operations/compress.ts"
import type { options as embed } from "../operations/embed.ts"
import type { options as inspect } from "../operations/inspect.ts"
import type { options as resize } from "../operations/resize.ts"
import { assertOptions } from "./assert-options.ts"
import type { SubmitOptions } from "./submit-options.ts"
import type { ResultOptions } from "./ticket.ts"
import { WAIT_OPTIONS } from "./ticket-poll.ts"

/** Options of the operations other than classify (docs/operations.md). */
export type OperationOptions = {
  inspect: Optional<z.output<typeof inspect>>
  compress: Optional<z.output<typeof compress>>
  /** And the model; default: the server's. */
  embed: Optional<z.output<typeof embed>> & { model?: string | undefined }
  resize: Optional<z.output<typeof resize>>
}
type Optional<T> = { [K in keyof T]?: T[K] | undefined }
/** Options that all of them take. */
export type OperationWork = ResultOptions &
  Pick<SubmitOptions, "deadlineMs" | "webhookUrl" | "noCache" | "idempotencyKey">

const OPERATION_OPTIONS: { [N in keyof OperationOptions]: Record<keyof OperationOptions[N], true> } = {
  inspect: { sha256: true },
  compress: { quality: true, scale: true, format: true },
  embed: { normalize: true, encoding: true, model: true },
  resize: { width: true, height: true, fit: true, format: true, quality: true },
}
const OPERATION_WORK: Record<keyof OperationWork, true> = {
  ...WAIT_OPTIONS,
  deadlineMs: true,
  webhookUrl: true,
  noCache: true,
  idempotencyKey: true,
}

/** @throws TypeError for an unknown option */
export function toSubmitOptions<N extends keyof OperationOptions>(
  operation: N,
  given: OperationOptions[N] & OperationWork,
): SubmitOptions & ResultOptions {
  assertOptions(given, { ...OPERATION_OPTIONS[operation], ...OPERATION_WORK })
  const { signal, timeoutMs, onUpdate, deadlineMs, webhookUrl, noCache, idempotencyKey, ...options } = given
  const work = { signal, timeoutMs, onUpdate, deadlineMs, webhookUrl, noCache, idempotencyKey }
  return { ...work, operation, options: options as NonNullable<SubmitOptions["options"]> }
}

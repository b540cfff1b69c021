import { AppError } from "../../lib/app-error.ts"
import type { Batch, BatchPlan } from "../../lib/batches/batch.ts"
import { jobIdForIdempotencyKey, newJobId } from "../../lib/queue/job-id.ts"
import { queueName } from "../../lib/queue/queue-name.ts"
import { sha256Hex } from "../../lib/sha256.ts"
import { formatTraceparent } from "../../lib/trace/trace-context.ts"
import type { Caller } from "../auth/caller.ts"
import type { FilePart } from "../http/file-part.ts"
import type { RequestTrace } from "../router.ts"
import type { Services } from "../services.ts"
import { findModel, repeatOnce, webhookUrlOf } from "../uploads/submit.ts"
import { type BatchOptions, parseBatchOptions } from "./batch-options.ts"
import type { RowProblem } from "./list/check-row.ts"
import { LIST_LIMITS, type ListLimits } from "./list/list-limits.ts"
import { type OpenList, readList } from "./list/read-list.ts"
import type { BodyStream } from "./read-stream.ts"
import { ListStorer, type StoredList } from "./store-list.ts"

/** Each webhook keeps a copy of the ticket for a week. */
const MAX_PROGRESS_WEBHOOKS = 100

export type SubmitList = {
  caller: Caller
  idempotencyKey?: string | undefined
  /** Where the edge was reached. */
  origin: string
  /** The batch whose failed rows these are. */
  retryOf?: string
  trace: RequestTrace
}
export type SubmitBatch = SubmitList & {
  body: BodyStream | FilePart
  contentType: string
  options: Record<string, string>
}
export type SubmittedBatch =
  | { batch: Batch }
  | { problems: RowProblem[]; count: number; onInvalid: BatchOptions["on_invalid"] }

/**
 * Checks a list as it streams, stores it in chunks, and accepts it as a batch; or gives back what is wrong with its rows.
 * @throws AppError for what the list, the options or the limits forbid; then nothing is kept
 */
export async function submitBatch(services: Services, request: SubmitBatch): Promise<SubmittedBatch> {
  const options = parseBatchOptions(request.options)
  const { body, contentType } = request
  const { format, url_column: urlColumn } = options
  return submitList(services, request, {
    options,
    open: (limits) => readList({ body, contentType, format, urlColumn, limits }),
  })
}

type Opening = {
  options: BatchOptions
  open: (limits: ListLimits) => Promise<Pick<OpenList, "columns" | "hasMark" | "pages">>
}

/** The same, wherever the rows come from. */
export async function submitList(
  services: Services,
  request: SubmitList,
  { options, open }: Opening,
): Promise<SubmittedBatch> {
  // Before the list is read, so that an unknown model is refused at once.
  const modelId = (await findModel(services, options))?.id
  const webhookUrl = await webhookUrlOf(services, { options, caller: request.caller })
  await countSubmit(services, request.caller)
  return storeAndCreate(services, request, { options, open, modelId, webhookUrl })
}

/** A list of any length counts as one submit: the depth of the queue limits its rows. */
async function countSubmit({ submitRates, store, now }: Services, caller: Caller): Promise<void> {
  const { id, rateLimit } = caller
  if (rateLimit !== null) await submitRates.learn(caller, () => store.charge(id, rateLimit, now()))
}

type Settled = Opening & { modelId: string | undefined; webhookUrl: string }

async function storeAndCreate(services: Services, request: SubmitList, settled: Settled): Promise<SubmittedBatch> {
  const { batches, config, now, log } = services
  const { options } = settled
  const listId = newJobId(now())
  const limits = { ...LIST_LIMITS, maxRows: config.MAX_BATCH_ROWS }
  const storer = new ListStorer({ store: batches, listId, limits, skipsInvalid: options.on_invalid === "skip" })
  const drop = () => batches.dropChunks(listId, storer.chunks).catch(() => undefined) // Chunks expire by themselves.
  let isKept = false
  try {
    const list = await settled.open(limits)
    const stored = await storer.store(list)
    const isRefused = stored.skipped > 0 && (options.on_invalid === "reject" || stored.pictures === 0)
    if (isRefused) return { problems: stored.problems, count: stored.skipped, onInvalid: options.on_invalid }
    if (stored.rows === 0) throw new AppError("invalid_list", "Cannot read the list: it has no rows")
    const plan = await planBatch(services, request, { ...settled, list, stored, listId })
    const { status, batch } = await repeatOnce(() => batches.create(plan), now)
    isKept = batch.plan.listId === listId
    if (batch.plan.fingerprint !== plan.fingerprint) {
      const message = "Cannot accept the request: its Idempotency-Key was used with another list or other options"
      throw new AppError("idempotency_mismatch", message)
    }
    log.info("batch.accepted", {
      batchId: plan.id,
      status,
      queue: plan.queue,
      rows: plan.rows,
      pictures: plan.pictures,
      traceId: request.trace.traceId,
    })
    request.trace.attributes["claimcheck.batch_id"] = plan.id
    return { batch }
  } catch (error) {
    // Whether a batch was made is not known then: its list is kept as long as a list without a batch.
    if (error instanceof AppError && error.code === "redis_unavailable") isKept = true
    throw error
  } finally {
    if (!isKept) await drop()
  }
}

type Planned = Settled & { list: Pick<OpenList, "columns" | "hasMark">; stored: StoredList; listId: string }

async function planBatch(
  { config, now, batchTicketIds }: Services,
  { caller, idempotencyKey, origin, retryOf, trace }: SubmitList,
  { options, list, stored, listId, modelId, webhookUrl }: Planned,
): Promise<BatchPlan> {
  const createdMs = now()
  const id =
    idempotencyKey === undefined
      ? newJobId(createdMs)
      : await jobIdForIdempotencyKey(caller.id, `batch\0${idempotencyKey}`)
  const { operation, batch_size, deadline_ms, on_invalid, webhook_every } = options
  const asked = [stored.sha256, modelId ?? "", JSON.stringify(operation), on_invalid, options.webhook_url ?? ""]
  const deadlineMs = createdMs + deadline_ms
  return {
    id,
    ticketId: await batchTicketIds.sign(id),
    caller: caller.id,
    weight: caller.weight,
    ...(caller.maxDepth !== undefined && { maxDepth: caller.maxDepth }),
    operation,
    ...(modelId !== undefined && { model: modelId }),
    queue: queueName({ model: modelId, operation: operation.name, isUrl: true }),
    createdMs,
    deadlineMs,
    keepUntilMs: deadlineMs + config.RESULT_TTL_S * 1_000,
    jobDeadlineMs: deadline_ms,
    maxAttempts: config.MAX_ATTEMPTS,
    size: batch_size,
    rows: stored.rows,
    skipped: stored.skipped,
    pictures: stored.pictures,
    columns: list.columns.names,
    hasMark: list.hasMark,
    listId,
    listBytes: stored.bytes,
    chunks: stored.chunks,
    fingerprint: await sha256Hex(new TextEncoder().encode(asked.join("\0"))),
    ...(webhookUrl !== "" && { webhookUrl }),
    ...(webhookUrl !== "" &&
      webhook_every !== undefined && {
        webhookEvery: Math.max(webhook_every, Math.ceil(stored.pictures / MAX_PROGRESS_WEBHOOKS)),
      }),
    origin,
    ...(retryOf !== undefined && { retryOf }),
    trace: formatTraceparent(trace),
  }
}

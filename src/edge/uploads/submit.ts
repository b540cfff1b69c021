import { AppError } from "../../lib/app-error.ts"
import { isKeyCaller } from "../../lib/callers/caller-id.ts"
import { readImageHeader, refuseLargeImage, type SizeLimits, seenImage } from "../../lib/images/image-header.ts"
import { OPERATIONS, planOutput } from "../../lib/operations/operations.ts"
import { refuseLargeOutput } from "../../lib/operations/planned-output.ts"
import type { ImageInfo, Job } from "../../lib/queue/job.ts"
import { jobCost } from "../../lib/queue/job-cost.ts"
import { jobIdForIdempotencyKey, newJobId } from "../../lib/queue/job-id.ts"
import { locationOf } from "../../lib/queue/job-source.ts"
import { endLate } from "../../lib/queue/late-jobs.ts"
import type { Enqueued, NewJob } from "../../lib/queue/new-job.ts"
import { sizeLimits } from "../../lib/queue/queue-config.ts"
import { queueName, queuesOf } from "../../lib/queue/queue-name.ts"
import type { ServedModel } from "../../lib/queue/registry.ts"
import { sha256Hex } from "../../lib/sha256.ts"
import { formatTraceparent } from "../../lib/trace/trace-context.ts"
import type { Caller } from "../auth/caller.ts"
import type { RequestTrace } from "../router.ts"
import type { Services } from "../services.ts"
import type { Upload } from "./read-json-upload.ts"
import type { SubmitOptions } from "./submit-options.ts"

const PREFERRED_MODEL = "efficientnet_lite0"
/** A reply that was lost is asked for once more, but only where an answer within two seconds stays possible. */
const REPEAT_WITHIN_MS = 400
const FULL: ReadonlySet<string> = new Set(["queue_full", "caller_queue_full"])
/** Each is a request, and a Worker has 50 of them. */
const MAX_QUEUES_CLEARED = 12

export type Submit = {
  source: Upload["source"]
  options: SubmitOptions
  caller: Caller
  idempotencyKey?: string | undefined
  /** Infer again, even if the answer is known. */
  noCache?: boolean
  /** The ticket whose job it does again. */
  retryOf?: string
  trace: RequestTrace
}

/**
 * Checks an image by its header and puts it into the queue; one that is elsewhere is fetched, and checked, by a classifier.
 * @throws AppError for what the bytes, the options or the queue forbid; then nothing is kept
 */
export async function submit(services: Services, request: Submit): Promise<Enqueued> {
  const { config, store, now } = services
  const { source, options, caller } = request
  const image = source.kind === "payload" ? await describeImage(source.bytes, sizeLimits(config)) : null
  const planned = image && planOutput(options.operation, image)
  if (planned) refuseLargeOutput(planned, sizeLimits(config))
  const model = await findModel(services, options)
  const subject = locationOf(source) ?? image?.sha256
  const asked = [subject, model?.id ?? "", JSON.stringify(options.operation)].join("\0")
  const webhookUrl = await webhookUrlOf(services, request)
  const createdMs = now()
  const id =
    request.idempotencyKey === undefined
      ? newJobId(createdMs)
      : await jobIdForIdempotencyKey(caller.id, request.idempotencyKey)

  const payloadId = newJobId(createdMs)
  const job: NewJob = {
    id,
    ...(model !== null && { model: model.id }),
    queue: queueName({ model: model?.id, operation: options.operation.name, isUrl: source.kind !== "payload" }),
    caller: caller.id,
    weight: caller.weight,
    ...(caller.maxDepth !== undefined && { maxDepth: caller.maxDepth }),
    rateLimit: caller.rateLimit,
    ...(image !== null && { payloadId }),
    createdMs,
    deadlineMs: createdMs + (options.deadline_ms ?? config.JOB_DEADLINE_MS),
    maxAttempts: config.MAX_ATTEMPTS,
    input: {
      ticketId: await services.ticketIds.sign(id),
      operation: options.operation,
      source: source.kind === "payload" ? { kind: "payload" } : source,
      ...(image !== null && { image }),
      fingerprint: await hashText(options.webhook_url === undefined ? asked : `${asked}\0${options.webhook_url}`),
      trace: formatTraceparent(request.trace),
      ...(request.retryOf !== undefined && { retryOf: request.retryOf }),
    },
    ...(webhookUrl !== "" && { webhookUrl }),
    // The image at a URL may have changed, so its result is not cached.
    ...(image !== null &&
      !OPERATIONS[options.operation.name].makesFile &&
      request.noCache !== true && {
        contentKey: await hashText(`${caller.id}\0${asked}\0${model?.version ?? ""}`),
        ...(model !== null && { modelVersion: model.version }),
      }),
  }
  // A known answer would count as one unit, but only Redis could say that it is known.
  const cost = jobCost(job.input)
  services.submitRates.assertMaySubmit(caller, cost)
  // One unit was taken before the body was read (src/edge/limits/apply-limits.ts).
  services.submitRates.chargePrefix48(caller, cost - 1)
  const enqueue = async () => {
    if (source.kind === "payload") await store.putPayload(payloadId, source.bytes)
    return services.submitRates.learn(caller, () => repeatOnce(() => store.enqueue(job), now))
  }
  const enqueued = await enqueue().catch(async (error: unknown) => {
    const isFull = error instanceof AppError && FULL.has(error.code)
    if (!isFull || !(await makeRoom(services, job.queue))) throw error
    return enqueue()
  })
  if (enqueued.status === "exists") services.submitRates.noteRefused(caller)
  assertSameRequest(enqueued.job, job)
  services.log.info("job.accepted", {
    jobId: enqueued.job.id,
    status: enqueued.status,
    // The lines about the work that it shares are under that id.
    ...(enqueued.job.leader !== undefined && { leader: enqueued.job.leader }),
    queue: job.queue,
    ...(image !== null && { bytes: image.bytes }),
    traceId: request.trace.traceId,
  })
  request.trace.attributes["claimcheck.job_id"] = enqueued.job.id
  if (enqueued.job.leader !== undefined) request.trace.attributes["claimcheck.leader_id"] = enqueued.job.leader
  return enqueued
}

/** Ends jobs past their deadline, which hold places while no classifier claims. Whether there were any. */
async function makeRoom(services: Services, queue: string): Promise<boolean> {
  if (!services.overdueWakes.isDue(`late ${queue}`)) return false
  const ids = (await services.registry.snapshot()).models.map(({ id }) => id)
  const others = [...queuesOf(ids, { urls: false }), ...queuesOf(ids, { urls: true })]
  const nowMs = await services.askNow()
  const names = [...new Set([queue, ...others])].slice(0, MAX_QUEUES_CLEARED)
  for (const name of names) if ((await endLate(services, name, { nowMs })).ended > 0) return true
  return false
}

/** What the header says of an image. @throws AppError unsupported_image, invalid_image, side_too_long, too_many_pixels, empty_body */
async function describeImage(bytes: Uint8Array, limits: SizeLimits): Promise<ImageInfo> {
  const header = readImageHeader(bytes)
  refuseLargeImage(header, limits)
  return { ...seenImage(header), bytes: bytes.length, sha256: await sha256Hex(bytes) }
}

/** @throws AppError draining; unknown_model; invalid_options for a model where the operation needs none */
export async function findModel(
  { registry, config }: Services,
  options: Pick<SubmitOptions, "operation" | "model">,
): Promise<ServedModel | null> {
  const { isDraining } = await registry.snapshot()
  if (isDraining) throw new AppError("draining", "Cannot accept work: the queue is being emptied for an upgrade")
  if (OPERATIONS[options.operation.name].usesModel) {
    return registry.findModel(options.model, config.DEFAULT_MODEL ?? PREFERRED_MODEL)
  }
  if (options.model === undefined) return null
  throw new AppError("invalid_options", `Cannot accept options: model: ${options.operation.name} uses none`)
}

/** Where the end of the job is posted to: as the submit says, else as its API key does; empty for nowhere. */
export async function webhookUrlOf(
  { webhooks }: Services,
  { options, caller }: { options: Pick<SubmitOptions, "webhook_url">; caller: Caller },
): Promise<string> {
  if (options.webhook_url !== undefined) return options.webhook_url
  return isKeyCaller(caller.id) ? ((await webhooks.read(caller.id)).url ?? "") : ""
}

function assertSameRequest(first: Job, repeated: NewJob): void {
  if (first.input.fingerprint === repeated.input.fingerprint) return
  const message = "Cannot accept the request: its Idempotency-Key was used with another image or other options"
  throw new AppError("idempotency_mismatch", message)
}

export async function repeatOnce<T>(call: () => Promise<T>, now: () => number): Promise<T> {
  const startMs = now()
  try {
    return await call()
  } catch (error) {
    const mayRepeat = error instanceof AppError && error.code === "redis_unavailable"
    if (!mayRepeat || now() - startMs > REPEAT_WITHIN_MS) throw error
    return call()
  }
}

const hashText = (text: string) => sha256Hex(new TextEncoder().encode(text))

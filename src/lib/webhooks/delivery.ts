import * as z from "zod"
import { decodeBatch } from "../batches/batch.ts"
import { type BatchTicket, toBatchTicket } from "../batches/batch-ticket.ts"
import { decodeJob } from "../queue/job.ts"
import { resolveJob, type Ticket, toTicket } from "../tickets/ticket.ts"
import { isWebhookEventType, type WebhookEventType } from "./webhook-event.ts"

const attemptSchema = z.object({
  atMs: z.number(),
  durationMs: z.number(),
  /** What the receiver answered, if it did. */
  status: z.number().optional(),
  /** Why the attempt failed. */
  error: z.object({ code: z.string(), message: z.string() }).optional(),
})
/** One try to hand an event to its receiver. */
export type Attempt = z.infer<typeof attemptSchema>

const eventSchema = z.object({
  /** The `webhook-id`: the same over all attempts, so that a receiver can tell a repetition. */
  id: z.string(),
  createdMs: z.number(),
  /** `gone`: the receiver answered 410 and wants no more. `given_up`: the schedule is over, or the rules refuse the address. */
  state: z.enum(["pending", "delivered", "gone", "given_up"]),
  /** Failed tries since the schedule began. */
  tries: z.number(),
  dueMs: z.number().optional(),
  attempts: z.array(attemptSchema).default([]),
  /** The job as it ended, as text: the result may expire before the schedule does. */
  job: z.string().optional(),
  /** Or the batch as it stood then. */
  batch: z.string().optional(),
  /** Of a batch: whether it was over, or went on. */
  kind: z.enum(["end", "progress"]).optional(),
})
/** The end of a ticket, and how far it has come. */
export type DeliveryEvent = z.infer<typeof eventSchema>

const deliverySchema = z.object({
  jobId: z.string(),
  caller: z.string(),
  url: z.string(),
  /** Oldest first. One, unless a dead letter was sent again. */
  events: z.array(eventSchema),
})
/** The webhook events of one ticket, as they lie in Redis. */
export type Delivery = z.infer<typeof deliverySchema>

/** @throws when the text is not a delivery of this schema version */
export function decodeDelivery(text: string): Delivery {
  return deliverySchema.parse(JSON.parse(text))
}

/** The ticket as it stood when the event happened, and the type of the event. */
export function webhookEventOf(event: DeliveryEvent): { type: WebhookEventType; data: Ticket | BatchTicket } {
  if (event.batch !== undefined) {
    const data = toBatchTicket(decodeBatch(JSON.parse(event.batch)), event.createdMs)
    return { type: typeOf(`batch.${event.kind === "progress" ? "progress" : data.status}`), data }
  }
  if (event.job === undefined) throw new Error("Cannot read the event: it is of neither a job nor a batch")
  const data = toTicket(resolveJob(decodeJob(event.job), null), null)
  return { type: typeOf(`classification.${data.status}`), data }
}

function typeOf(type: string): WebhookEventType {
  if (isWebhookEventType(type)) return type
  throw new Error(`Cannot read the event: ${type} is not a type of event`)
}

/** What the request that asked for the work went on with, as a `traceparent`. */
export function traceparentOf({ job, batch }: DeliveryEvent): string | undefined {
  if (batch !== undefined) return decodeBatch(JSON.parse(batch)).plan.trace
  return job === undefined ? undefined : decodeJob(job).input.trace
}

/** The origin of a webhook's URL: all of it that may be logged, since path and query can hold a secret. */
export function receiverOf(url: string): string {
  return new URL(url).origin
}

const instant = z.iso.datetime()

/** The deliveries of a ticket as they stand on the wire. */
export const deliveriesSchema = z
  .object({
    url: z.string().meta({ description: "URL of the receiver" }),
    deliveries: z
      .array(
        z.object({
          id: z.string().meta({ description: "The `webhook-id` header of all attempts" }),
          type: z.string().meta({ description: "The type of the event", examples: ["classification.succeeded"] }),
          state: z.enum(["pending", "delivered", "gone", "given_up"]).meta({
            description:
              "`gone`: the receiver answered 410. `given_up`: the last attempt failed, or the URL is not allowed",
          }),
          created_at: instant,
          next_attempt_at: instant.nullable(),
          attempts: z.array(
            z.object({
              at: instant,
              duration_ms: z.number(),
              status: z.number().int().nullable().meta({ description: "Status of the response, if there was one" }),
              error: z.object({ code: z.string(), message: z.string() }).optional(),
            }),
          ),
        }),
      )
      .meta({ description: "Latest first; empty until the ticket is done" }),
  })
  .meta({ id: "Deliveries" })
export type Deliveries = z.infer<typeof deliveriesSchema>

export function toDeliveries({ url, events }: Pick<Delivery, "url" | "events">): Deliveries {
  const deliveries = events.map((event) => ({
    id: event.id,
    type: webhookEventOf(event).type,
    state: event.state,
    created_at: isoInstant(event.createdMs),
    next_attempt_at: event.state === "pending" && event.dueMs !== undefined ? isoInstant(event.dueMs) : null,
    attempts: event.attempts.map(({ atMs, durationMs, status, error }) => ({
      at: isoInstant(atMs),
      duration_ms: durationMs,
      status: status ?? null,
      ...(error !== undefined && { error }),
    })),
  }))
  return { url, deliveries: deliveries.reverse() }
}

const isoInstant = (ms: number) => new Date(ms).toISOString()

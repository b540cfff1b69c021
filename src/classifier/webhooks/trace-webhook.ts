import type { Span } from "../../lib/trace/span.ts"
import { childOf, parseTraceparent, type TraceContext } from "../../lib/trace/trace-context.ts"
import { type Attempt, type DeliveryEvent, receiverOf, traceparentOf } from "../../lib/webhooks/delivery.ts"
import type { Taken } from "../../lib/webhooks/outbox.ts"

/** `edge`: the step that asked for the work. `attempt`: the one that a receiver goes on with. */
export type WebhookTrace = { edge: TraceContext; attempt: TraceContext }

/** Null for what an edge has accepted that traced nothing. Every attempt is a step of its own. */
export function traceOfEvent(event: DeliveryEvent): WebhookTrace | null {
  const edge = parseTraceparent(traceparentOf(event))
  return edge && { edge, attempt: childOf(edge) }
}

export function traceSent({ delivery, event }: Taken, { edge, attempt }: WebhookTrace, made: Attempt): Span {
  const { atMs, durationMs, status, error } = made
  return {
    context: attempt,
    parentSpanId: edge.spanId,
    name: "webhook",
    kind: "client",
    startMs: atMs,
    endMs: atMs + durationMs,
    attributes: {
      "http.request.method": "POST",
      // Not its path: that can hold a secret.
      "server.address": receiverOf(delivery.url),
      "claimcheck.job_id": delivery.jobId,
      "claimcheck.attempt": event.tries + 1,
      ...(status !== undefined && { "http.response.status_code": status }),
    },
    error: error?.code,
  }
}

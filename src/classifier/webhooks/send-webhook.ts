import { retryAfterMs } from "../../lib/retry-after.ts"
import { formatTraceparent } from "../../lib/trace/trace-context.ts"
import { silentTracer, type Tracer } from "../../lib/trace/tracer.ts"
import type { Attempt } from "../../lib/webhooks/delivery.ts"
import type { Taken } from "../../lib/webhooks/outbox.ts"
import type { GuardedFetch } from "../fetch/guarded/guarded-fetch.ts"
import { GuardedFetchError, isRefusal } from "../fetch/guarded/guarded-fetch-error.ts"
import { signWebhook } from "./sign-webhook.ts"
import { traceOfEvent, traceSent } from "./trace-webhook.ts"
import { webhookBody } from "./webhook-body.ts"
import type { WebhookSigners } from "./webhook-signers.ts"

/** The specification recommends 15 to 30 s. */
const ATTEMPT_TIMEOUT_MS = 20_000
/** Nothing of an answer is used; it is read so that the connection can be. */
const MAX_ANSWER_BYTES = 4_096

export type Sent = {
  attempt: Attempt
  /** `given_up`: the rules refuse the address, and would at every further try. */
  verdict: "delivered" | "gone" | "failed" | "given_up"
  /** What the receiver asked to be left alone for. */
  retryAfterMs: number | null
  traceId?: string
}

export type SendWebhook = {
  fetch: GuardedFetch["fetch"]
  signersOf: WebhookSigners
  now: () => number
  timeoutMs?: number
  tracer?: Tracer
  /** What links to the edge begin with. */
  publicUrl?: string | undefined
}

/**
 * One attempt to hand an event to its receiver.
 * @throws the signal's reason once it is aborted, and AppError redis_unavailable when the secrets cannot be read
 */
export async function sendWebhook(
  { fetch, signersOf, now, timeoutMs = ATTEMPT_TIMEOUT_MS, tracer = silentTracer, publicUrl }: SendWebhook,
  taken: Taken,
  signal: AbortSignal,
): Promise<Sent> {
  const { delivery, event } = taken
  const signers = await signersOf(delivery.caller)
  const atMs = now()
  const startMs = performance.now()
  const attemptOf = (more: Partial<Attempt>): Attempt => {
    return { atMs, durationMs: Math.round(performance.now() - startMs), ...more }
  }
  const failed = (code: string, message: string): Sent => {
    return { attempt: attemptOf({ error: { code, message } }), verdict: "failed", retryAfterMs: null }
  }
  if (signers.secrets.length === 0 && signers.signingKey === undefined) {
    return failed("no_secret", "There is no secret to sign webhooks of this caller with")
  }
  const body = webhookBody(event, publicUrl)
  const trace = traceOfEvent(event)
  const headers = {
    ...(await signWebhook({ id: event.id, atMs, body }, signers)),
    ...(trace && { traceparent: formatTraceparent(trace.attempt) }),
    "content-type": "application/json",
    "user-agent": "claimcheck-webhooks",
  }
  const report = (sent: Sent): Sent => {
    if (trace === null) return sent
    tracer.record(traceSent(taken, trace, sent.attempt))
    return { ...sent, traceId: trace.edge.traceId }
  }
  try {
    const response = await fetch(delivery.url, {
      method: "POST",
      headers,
      body,
      timeoutMs,
      maxBytes: MAX_ANSWER_BYTES,
      onTooLarge: "truncate",
      maxRedirects: 0,
      signal,
    })
    const { status } = response
    const error = errorOf(status)
    return report({
      attempt: attemptOf({ status, ...(error !== null && { error }) }),
      verdict: error === null ? "delivered" : status === 410 ? "gone" : "failed",
      retryAfterMs: retryAfterMs(response.headers, now()),
    })
  } catch (error) {
    if (signal.aborted) throw signal.reason
    if (!(error instanceof GuardedFetchError)) throw error
    return report({ ...failed(error.code, error.message), ...(isRefusal(error.code) && { verdict: "given_up" }) })
  }
}

function errorOf(status: number): Attempt["error"] | null {
  if (status >= 200 && status < 300) return null
  if (status === 410) return { code: "gone", message: "The receiver answered 410: it wants no more of these" }
  if (status >= 300 && status < 400) {
    return { code: "redirect", message: `The receiver answered ${status}; redirects are not followed` }
  }
  return { code: "bad_status", message: `The receiver answered ${status}` }
}

import { Webhook, WebhookVerificationError } from "standardwebhooks"
import { z } from "zod"
import { parseJson } from "../parse-json.ts"

/** What of an event is shown; the rest stays for `--json`. */
const eventSchema = z.looseObject({
  type: z.string(),
  timestamp: z.string(),
  data: z.looseObject({
    id: z.string(),
    predictions: z.array(z.looseObject({ label: z.string(), probability: z.number() })).optional(),
    error: z.looseObject({ code: z.string(), message: z.string() }).optional(),
  }),
})
export type WebhookEvent = z.infer<typeof eventSchema>

export type Verdict =
  | { verified: true; id: string; event: WebhookEvent }
  /** 401: not signed with a known secret. 400: signed, but not an event of ours. */
  | { verified: false; status: 401 | 400; reason: string }

/** Why a message was refused. */
const REASON: Record<string, string> = {
  "Missing required headers": "it has no webhook-id, webhook-timestamp or webhook-signature",
  "Invalid Signature Headers": "its webhook-timestamp is no number",
  "Message timestamp too old": "it was signed more than 5 minutes ago",
  "Message timestamp too new": "it was signed more than 5 minutes from now: compare the clocks",
  "No matching signature found": "no signature fits the secret",
}

/** @param body as it came, byte for byte: that is what was signed */
export function verifyEvent(
  body: Buffer,
  headers: Record<string, string | string[] | undefined>,
  secrets: readonly string[],
): Verdict {
  const single = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value ?? "")]))
  let reason = "there is no secret to verify it with"
  for (const secret of secrets) {
    const refusal = refusalOf(new Webhook(secret), body, single)
    if (refusal === null) return readEvent(body, single["webhook-id"] ?? "")
    reason = REASON[refusal] ?? refusal
  }
  return { verified: false, status: 401, reason }
}

function refusalOf(webhook: Webhook, body: Buffer, headers: Record<string, string>): string | null {
  try {
    webhook.verify(body, headers, { jsonParse: false })
    return null
  } catch (error) {
    if (error instanceof WebhookVerificationError) return error.message
    throw error
  }
}

function readEvent(body: Buffer, id: string): Verdict {
  const parsed = eventSchema.safeParse(parseJson(body.toString()))
  if (parsed.success) return { verified: true, id, event: parsed.data }
  return { verified: false, status: 400, reason: "it is signed, but no event of claimcheck" }
}

import {
  WEBHOOK_EVENTS,
  type WebhookEventType,
  webhookEventSchema,
  webhookEventTypes,
} from "../../lib/webhooks/webhook-event.ts"
import { EVENT_EXAMPLES } from "./examples.ts"
import type { JsonSchema } from "./response-headers.ts"
import type { SchemaStore } from "./schema-store.ts"

const header = (name: string, description: string, required = true) => ({
  name,
  in: "header",
  required,
  description,
  schema: { type: "string" },
})

/** Standard Webhooks (https://github.com/standard-webhooks/standard-webhooks). */
const HEADERS = [
  header("webhook-id", "Names the event; the same at every attempt, so that a repetition can be told"),
  header("webhook-timestamp", "Unix seconds of this attempt. Refuse what is more than five minutes off"),
  header(
    "webhook-signature",
    "Space-separated list. `v1,` and the base64 of an HMAC-SHA256 over `id.timestamp.body`, one for each secret in force",
  ),
  header("traceparent", "The trace of the request that asked for the work (W3C Trace Context)", false),
]

const RESPONSES = {
  "2XX": { description: "Received. Answer within 20 seconds, before the work that it starts" },
  410: { description: "No more attempts for this event" },
  default: {
    description: "Sent again, ten times over three days; `Retry-After` is heeded. Redirects are not followed",
  },
}

/** What the server sends to a `webhook_url`, as the `webhooks` of an OpenAPI 3.1 document. */
export function describeWebhooks(schemas: SchemaStore) {
  const describe = (type: WebhookEventType): { post: JsonSchema } => {
    const example = EVENT_EXAMPLES[type]
    return {
      post: {
        operationId: `on_${type.replace(".", "_")}`,
        tags: ["Webhooks"],
        summary: WEBHOOK_EVENTS[type].when,
        parameters: HEADERS,
        requestBody: {
          description: "Less than 20 kB. Verify the signature over these bytes before you parse them",
          required: true,
          content: {
            "application/json": {
              schema: schemas.response(webhookEventSchema(type)),
              ...(example !== undefined && { example }),
            },
          },
        },
        responses: RESPONSES,
        security: [],
      },
    }
  }
  return Object.fromEntries(webhookEventTypes.map((type) => [type, describe(type)])) as Record<
    WebhookEventType,
    { post: JsonSchema }
  >
}

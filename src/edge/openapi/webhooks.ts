import {
  WEBHOOK_EVENTS,
  type WebhookEventType,
  webhookEventSchema,
  webhookEventTypes,
} from "../../lib/webhooks/webhook-event.ts"
import type { JsonSchema } from "../http/response-headers.ts"
import { EVENT_EXAMPLES } from "./examples.ts"
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
  header("webhook-id", "Id of the event, the same for every attempt; use it to detect duplicates"),
  header(
    "webhook-timestamp",
    "Time of this attempt in Unix seconds. Refuse values that are more than five minutes off",
  ),
  header(
    "webhook-signature",
    "List separated by spaces: `v1,` and the base64 of an HMAC-SHA256 over `id.timestamp.body`, for each current secret",
  ),
  header("traceparent", "Trace of the request that submitted the job (W3C Trace Context)", false),
]

const RESPONSES = {
  "2XX": { description: "Received. Respond within 20 seconds, before you process the event" },
  410: { description: "Stops the retries of this event" },
  default: {
    description: "Retried: ten attempts in three days, obeying `Retry-After`. Redirects are not followed",
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
          description: "Less than 20 kB. Verify the signature over the raw bytes before you parse them",
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

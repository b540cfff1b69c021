import * as z from "zod"
import { words } from "../../lib/env.ts"
import { isWebhookSecret, readSigningSeed } from "../../lib/webhooks/webhook-secret.ts"
import { parseAllowList } from "../fetch/guarded/allow-list.ts"

/** What a process that delivers webhooks is told, beside the queue's own variables. */
export const webhookEnv = {
  /** Newest first; all of them sign. */
  WEBHOOK_SECRETS: words()
    .refine((secrets) => secrets.every(isWebhookSecret), "must be whsec_ and base64 of 24 to 64 bytes, space-separated")
    .default([]),
  WEBHOOK_SIGNING_KEY: z
    .string()
    .refine((key) => readSigningSeed(key) !== null, "must be whsk_ and base64 of an ed25519 key")
    .optional(),
  /** Hosts, `host:port`, addresses and CIDR ranges that may be reached although they are private, and by plain http. */
  ALLOW_ADDRESSES: words()
    .superRefine((entries, context) => {
      const bad = entries.findIndex((entry) => !isAllowList([entry]))
      const message = `entry ${bad + 1} is no host, host:port, address or CIDR range (separated by spaces or commas)`
      if (bad !== -1) context.addIssue({ code: "custom", message })
    })
    .default([]),
}

export type WebhookConfig = {
  WEBHOOK_SECRETS: string[]
  WEBHOOK_SIGNING_KEY?: string | undefined
  ALLOW_ADDRESSES: string[]
  RESULT_TTL_S: number
  PUBLIC_URL?: string | undefined
  PAYLOAD_SECRET: string[]
  PAYLOAD_SECRET_ACCEPTS_PLAIN: boolean
}

function isAllowList(entries: readonly string[]): boolean {
  try {
    parseAllowList(entries)
    return true
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}

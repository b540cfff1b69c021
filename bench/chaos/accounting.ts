import type { BatchEntry } from "./batch-clients.ts"
import type { Ledger } from "./ledger.ts"
import type { RedisAudit } from "./redis-witness.ts"
import type { WebhookReceiver } from "./webhook-receiver.ts"
import type { WorkLog } from "./work-log.ts"

/** An upload that was never enqueued leaves its bytes for so long. */
export const ORPHAN_TTL_MS = 60_000
const ID_CHARS = 26

/** Of a ticket or a batch. */
export const jobIdOf = (ticketId: string) => ticketId.slice("cls_".length, "cls_".length + ID_CHARS)

/** Every ticket has one end, and everybody who asked has seen it. */
export function accountForTickets(ledger: Ledger): void {
  for (const { ticketId, final, spec, isGone } of ledger.entries) {
    if (ticketId === null) ledger.violate("stuck", null, `submit ${spec.number} was never answered`)
    else if (final === null && !isGone) ledger.violate("stuck", ticketId, "not done at the end")
  }
}

/** Nothing is left but results, each with an end of its own. */
export function accountForRedis(ledger: Ledger, audit: RedisAudit, { isShortLived }: { isShortLived: boolean }): void {
  const complain = (detail: string, ticket: string | null = null) => ledger.violate("left in Redis", ticket, detail)
  for (const key of audit.withoutTtl) ledger.violate("no TTL", null, key)
  const buried = new Set(audit.dead.map((id) => audit.jobs.get(id)?.payloadId))
  for (const { key, ttlMs } of audit.payloads) {
    const isOrphan = ttlMs <= ORPHAN_TTL_MS
    if (!isOrphan && !buried.has(key.split(":").at(-1))) complain(`${key} lives for another ${ttlMs} ms`)
  }
  if (audit.waiting > 0) complain(`${audit.waiting} jobs still wait`)
  for (const lease of audit.leases) complain(`lease ${lease}`)
  for (const [name, value] of Object.entries(audit.counters)) complain(`counter ${name} is ${value}`)

  const known = new Set(ledger.entries.flatMap(({ ticketId }) => (ticketId === null ? [] : [jobIdOf(ticketId)])))
  for (const id of audit.jobs.keys()) {
    const isRow = audit.dump.batches.has(id.slice(0, id.lastIndexOf("-")))
    if (!known.has(id) && !isRow) complain(`job ${id}, of which nobody was told`)
  }
  for (const wrong of audit.wrong) {
    // The record of what has arrived lives no longer than a result, and that of a shared job may: its receiver knows.
    if (!isShortLived || !wrong.endsWith("tells nobody")) ledger.violate("does not add up", null, wrong)
  }
  // Else every read of a ticket has said so.
  if (isShortLived) return
  for (const id of known) if (!audit.jobs.has(id)) ledger.violate("lost", id, "no job in Redis at the end")
}

type Ended = { status: string; finished_at?: string | undefined }

/** Whoever asked for a webhook is told of the end by one event, as often as it takes until it is accepted. */
export function accountForWebhooks(
  ledger: Ledger,
  { audit, batches, receiver }: { audit: RedisAudit; batches: readonly BatchEntry[]; receiver: WebhookReceiver },
): void {
  const tell = (ticketId: string | null, final: Ended | null) => {
    if (ticketId === null || final === null) return
    const told = receiver.ends.get(ticketId) ?? []
    const events = audit.dump.deliveries.get(jobIdOf(ticketId))?.events ?? []
    const isPending = events.some(({ state }) => state === "pending")
    if (told.length > 1) ledger.violate("told twice", ticketId, told.map(({ body }) => body).join(" and "))
    if (told.every(({ accepted }) => accepted === 0) && !isPending) {
      ledger.violate("not told", ticketId, JSON.stringify(events))
    }
    for (const { status, finishedAt } of told) {
      if (status === final.status && finishedAt === final.finished_at) continue
      ledger.violate("told twice", ticketId, `told ${status} at ${finishedAt}, is ${JSON.stringify(final)}`)
    }
  }
  for (const { spec, ticketId, final } of ledger.entries) if (spec.webhook) tell(ticketId, final)
  for (const { ticketId, final } of batches) tell(ticketId, final)
  const known = new Set([...ledger.entries, ...batches].map(({ ticketId }) => ticketId))
  for (const id of receiver.ends.keys()) if (!known.has(id)) ledger.violate("told twice", id, "a ticket of nobody")
  for (const change of receiver.changed) ledger.violate("told twice", null, change)
}

/** What the API says of the queue is what lies in Redis. */
export function accountForQueue(ledger: Ledger, text: string, audit: RedisAudit): void {
  const { depth, bytes, processing, dead } = JSON.parse(text) as Record<string, unknown>
  const said = JSON.stringify({ depth, bytes, processing, dead })
  const is = JSON.stringify({
    depth: audit.waiting,
    bytes: 0,
    processing: audit.leases.length,
    dead: audit.dead.length,
  })
  if (audit.waiting === 0 && said !== is)
    ledger.violate("does not add up", null, `/v1/queue says ${said}, there is ${is}`)
}

/** Jobs that a killed classifier had in hand, by their attempts at that moment. */
export function accountForAttempts(ledger: Ledger, audit: RedisAudit, orphaned: ReadonlyMap<string, number>): void {
  for (const [id, attempts] of orphaned) {
    const job = audit.jobs.get(id)
    if (job === undefined || job.state === "canceled" || job.left !== undefined) continue
    if (job.attempts <= attempts) {
      ledger.violate("attempt not counted", id, `killed in attempt ${attempts}, ${job.state} after ${job.attempts}`)
    }
  }
}

export function accountForWork(ledger: Ledger, { completed }: WorkLog): void {
  for (const [id, times] of completed) {
    if (times > 1) ledger.violate("finished twice", id, `${times} attempts were told that their outcome was kept`)
  }
}

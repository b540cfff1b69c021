import type { Ledger } from "./ledger.ts"
import type { RedisAudit } from "./redis-witness.ts"
import type { WorkLog } from "./work-log.ts"

/** An upload that was never enqueued leaves its bytes for so long. */
export const ORPHAN_TTL_MS = 60_000
const ID_CHARS = 26

export const jobIdOf = (ticketId: string) => ticketId.slice("cls_".length, "cls_".length + ID_CHARS)

/** Every ticket has one end, and everybody who asked has seen it. */
export function accountForTickets(ledger: Ledger): void {
  for (const { ticketId, final, spec } of ledger.entries) {
    if (ticketId === null) ledger.violate("stuck", null, `submit ${spec.number} was never answered`)
    else if (final === null) ledger.violate("stuck", ticketId, "not done at the end")
  }
}

/** Nothing is left but results, each with an end of its own. */
export function accountForRedis(ledger: Ledger, audit: RedisAudit): void {
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
  for (const id of audit.jobs.keys()) if (!known.has(id)) complain(`job ${id}, of which nobody was told`)
  for (const id of known) if (!audit.jobs.has(id)) ledger.violate("lost", id, "no job in Redis at the end")
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

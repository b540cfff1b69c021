/** What of the outbox lies in Redis. */
export type OutboxDump = {
  deliveries: Map<string, StoredDelivery>
  /** By receiver, its entries: "event id" or "event id:token", and when they are due. */
  lines: Map<string, { entry: string; dueMs: number }[]>
  /** By receiver, when its line is looked at. */
  outbox: Map<string, number>
}
export type StoredDelivery = {
  jobId: string
  caller: string
  url: string
  events: {
    id: string
    createdMs: number
    state: string
    tries: number
    attempts?: { atMs: number }[]
    job?: string
    batch?: string
  }[]
}
type EndedJob = {
  id: string
  state: string
  finishedMs?: number
  leader?: string
  webhookUrl?: string
  left?: { finishedMs: number }
  round?: number
  deaths?: { finishedMs: number }[]
}

const WORKING = ["queued", "processing"]

/** Every ticket with a webhook that has ended has an event, and every event that is pending one place in its line. */
export function auditOutbox(jobs: ReadonlyMap<string, EndedJob>, dump: OutboxDump): string[] {
  return [...auditEvents(jobs, dump), ...auditLines(dump)]
}

function auditEvents(jobs: ReadonlyMap<string, EndedJob>, { deliveries }: OutboxDump): string[] {
  const wrong: string[] = []
  for (const job of jobs.values()) {
    const events = (deliveries.get(job.id)?.events ?? []).map(({ createdMs }) => createdMs)
    const ended = job.webhookUrl === undefined ? undefined : endOf(job, jobs)
    if (ended !== undefined && !events.includes(ended)) wrong.push(`${job.id} ended at ${ended}, and tells nobody`)
    if (job.webhookUrl === undefined && events.length > 0) wrong.push(`${job.id} has no webhook, and tells somebody`)
  }
  for (const { jobId, events } of deliveries.values()) {
    for (const { id, job } of events) {
      if (job === undefined) continue // of a batch: test/support/store/batch-audit.ts
      const told = JSON.parse(job) as EndedJob
      if (WORKING.includes(told.state) && told.left === undefined) wrong.push(`${id} tells of ${told.state}`)
      if (told.id !== jobId) wrong.push(`${id} tells of ${told.id}`)
    }
    if (new Set(events.map(({ id }) => id)).size !== events.length) wrong.push(`${jobId} has an event twice`)
  }
  return wrong
}

function endOf(job: EndedJob, jobs: ReadonlyMap<string, EndedJob>): number | undefined {
  if (job.left !== undefined) return job.left.finishedMs
  if (job.leader === undefined || job.state !== "queued") {
    return WORKING.includes(job.state) ? undefined : job.finishedMs
  }
  const leader = jobs.get(job.leader)
  const death = leader?.deaths?.[job.round ?? 0]
  if (death !== undefined) return death.finishedMs
  return leader === undefined || WORKING.includes(leader.state) ? undefined : leader.finishedMs
}

function auditLines({ deliveries, lines, outbox }: OutboxDump): string[] {
  const wrong: string[] = []
  for (const { url, events } of deliveries.values()) {
    const line = lines.get(new URL(url).origin) ?? []
    const resends = lines.get(`${new URL(url).origin}#resend`) ?? []
    for (const { id, state } of events) {
      const places = [...line, ...resends].filter(({ entry }) => entry.split(":")[0] === id).length
      if (state === "pending" ? places !== 1 : places > 1) wrong.push(`${id} is ${state}, in ${places} places`)
    }
  }
  for (const [receiver, line] of lines) {
    const firstMs = Math.min(...line.map(({ dueMs }) => dueMs))
    const lookMs = outbox.get(receiver) ?? Number.POSITIVE_INFINITY
    if (lookMs > firstMs) wrong.push(`${receiver} is looked at ${lookMs - firstMs} ms late`)
  }
  return wrong
}

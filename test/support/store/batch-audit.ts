import type { OutboxDump } from "./webhook-audit.ts"

/** What of the batches lies in Redis. */
export type BatchDump = {
  /** By id, the fields of its hash. */
  batches: Map<string, Record<string, string>>
  /** By id, the jobs that it says are in the queue or in work. */
  flights: Map<string, Set<string>>
  /** Ids that a feeder will look at. */
  due: Set<string>
}
type BatchJob = { id: string; state: string }

const ENDS = ["succeeded", "failed", "canceled"] as const

/** Each picture counts once, by how its job stands; who has work left is looked at, and who has none has said so. */
export function auditBatches(dump: BatchDump & OutboxDump & { jobs: ReadonlyMap<string, BatchJob> }): string[] {
  return [...dump.batches].flatMap(([id, fields]) =>
    auditBatch(id, fields, dump).map((wrong) => `batch ${id}: ${wrong}`),
  )
}

function auditBatch(
  id: string,
  fields: Record<string, string>,
  { jobs, flights, due, deliveries }: BatchDump & OutboxDump & { jobs: ReadonlyMap<string, BatchJob> },
): string[] {
  const wrong: string[] = []
  const cursor = Number(fields.cursor ?? 0)
  const pictures = Number(fields.pictures)
  // Past the cursor may lie dead letters of an earlier batch of the same id.
  const pictureOf = (jobId: string) => Number(jobId.slice(jobId.lastIndexOf("-") + 1))
  const own = [...jobs.values()].filter((job) => job.id.startsWith(`${id}-`) && pictureOf(job.id) < cursor)
  if (own.length !== cursor) wrong.push(`its cursor is ${cursor}, and there are ${own.length} jobs`)

  const unfedCountAs = { canceled: "canceled", expired: "failed" }[fields.ended ?? ""]
  let done = 0
  for (const end of ENDS) {
    const unfed = end === unfedCountAs ? pictures - cursor : 0
    const want = own.filter(({ state }) => state === end).length + unfed
    const counted = Number(fields[end] ?? 0)
    done += counted
    if (counted !== want) wrong.push(`counts ${counted} ${end}, and ${want} are`)
  }

  const working = own.filter(({ state }) => state === "queued" || state === "processing").map((job) => job.id)
  const flight = [...(flights.get(id) ?? [])]
  if (flight.toSorted().join() !== working.toSorted().join()) {
    wrong.push(`${flight.join()} are in flight, and ${working.join()} in work`)
  }

  const isDone = done === pictures
  if (isDone !== (fields.finishedMs !== undefined))
    wrong.push(`${done} of ${pictures}, finished at ${fields.finishedMs}`)
  if (isDone === due.has(id)) wrong.push(isDone ? "is done, and looked at" : "is not done, and not looked at")
  const ends = (deliveries.get(id)?.events ?? []).filter(({ createdMs }) => createdMs === Number(fields.finishedMs))
  if (isDone && fields.webhookUrl !== undefined && ends.length === 0) wrong.push("is done, and tells nobody")
  return wrong
}

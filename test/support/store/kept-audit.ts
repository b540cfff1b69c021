import type { Keys } from "../../../src/lib/redis/keys.ts"

type KeptJob = { id: string; caller: string; bytes: number; createdMs: number; finishedMs?: number }
type KeptDump = {
  jobs: Map<string, KeptJob>
  dead: string[]
  deliveries: Map<string, { events: { attempts?: { atMs: number }[] }[] }>
  counters: Map<string, string>
  bytes: Map<string, number>
  ttlMs: Map<string, number>
}

/** No fewer bytes are counted, in all and of each caller, than lie in Redis: records, webhook events, images of dead letters. */
export function auditKept({ jobs, dead, deliveries, counters, bytes, ttlMs }: KeptDump, keys: Keys): string[] {
  // Redis' clock stands while that of the tests runs ahead: what is over by theirs may still be there.
  const nowMs = Math.max(
    ...[...jobs.values()].map((job) => job.finishedMs ?? job.createdMs),
    ...[...deliveries.values()].flatMap(({ events }) =>
      events.flatMap(({ attempts = [] }) => attempts.map(({ atMs }) => atMs)),
    ),
  )
  const isOver = ({ id, createdMs, finishedMs = createdMs }: KeptJob) =>
    finishedMs + (ttlMs.get(keys.job(id)) ?? 0) <= nowMs
  const lie = new Map<string, number>()
  const add = (name: string, more: number) => lie.set(name, (lie.get(name) ?? 0) + more)
  for (const job of jobs.values()) {
    if (isOver(job)) continue
    const image = dead.includes(job.id) ? job.bytes : 0
    const sum = image + (bytes.get(keys.job(job.id)) ?? 0) + (bytes.get(keys.delivery(job.id)) ?? 0)
    add("kept", sum)
    add(`kept:${job.caller}`, sum)
  }
  const counted = (name: string) => {
    const entries: number[] = JSON.parse(counters.get(name) ?? "[]")
    return entries.reduce((sum, value, i) => (i % 2 === 1 ? sum + value : sum), 0)
  }
  return [...lie]
    .filter(([name, sum]) => counted(name) < sum)
    .map(([name, sum]) => `${name} counts ${counted(name)} bytes of ${sum}`)
}

import { createClient } from "@redis/client"
import { decodeJob, type Job } from "../../src/lib/queue/job.ts"
import { createKeys } from "../../src/lib/redis/keys.ts"
import { type Client, dumpStore, findWrong, type StoreDump } from "../../test/support/store/store-audit.ts"

/** What lies in Redis, looked at from behind: not through the gateway, and not with the product's own code paths. */
export type RedisAudit = {
  keys: number
  withoutTtl: string[]
  payloads: { key: string; ttlMs: number }[]
  jobs: Map<string, Job>
  waiting: number
  leases: string[]
  dead: string[]
  /** Fields of the counters hash that count what waits, and are not zero. */
  counters: Record<string, string>
  dump: StoreDump
  /** What of it does not add up. */
  wrong: string[]
}

export type RedisWitness = {
  audit(): Promise<RedisAudit>
  /** Jobs under lease that the process has claimed. */
  jobsOf(pid: number): Promise<Job[]>
  close(): void
}

const keys = createKeys()

export async function openRedisWitness(url: string): Promise<RedisWitness> {
  const client: Client = createClient({ url, disableOfflineQueue: true, socket: { reconnectStrategy: () => 100 } })
  client.on("error", () => undefined) // it is killed now and then: the next question finds it again
  await client.connect()

  async function readJobs(ids: readonly string[]): Promise<Map<string, Job>> {
    const jobs = new Map<string, Job>()
    for (let i = 0; i < ids.length; i += 500) {
      const page = ids.slice(i, i + 500)
      const texts = await client.mGet(page.map(keys.job))
      texts.forEach((text, at) => {
        if (text !== null) jobs.set(page[at] ?? "", decodeJob(text))
      })
    }
    return jobs
  }

  return {
    async audit() {
      const names: string[] = []
      for await (const page of client.scanIterator({ COUNT: 1_000 })) names.push(...page)
      const unique = [...new Set(names)]
      const ttls = await Promise.all(unique.map(async (key) => ({ key, ttlMs: await client.pTTL(key) })))
      const under = (kind: string) => unique.filter((key) => key.startsWith(`${keys.prefix}:${kind}:`))
      const queues = await Promise.all(under("queue").map((key) => client.zCard(key)))
      const counters = Object.entries(await client.hGetAll(keys.counters))
      const dump = await dumpStore(client, keys)
      return {
        dump,
        wrong: findWrong(dump, keys),
        keys: unique.length,
        // -2 is a key that went while we looked.
        withoutTtl: ttls.filter(({ ttlMs }) => ttlMs === -1).map(({ key }) => key),
        payloads: ttls.filter(({ key, ttlMs }) => ttlMs > 0 && key.startsWith(`${keys.prefix}:payload:`)),
        jobs: await readJobs(under("job").map((key) => key.slice(keys.job("").length))),
        waiting: queues.reduce((sum, depth) => sum + depth, 0),
        leases: await client.zRange(keys.leases, "-inf", "(+inf", { BY: "SCORE" }),
        dead: await client.zRange(keys.dead, 0, -1),
        counters: Object.fromEntries(
          counters.filter(([name, value]) => /^(n|bytes|n:.*|[bd]:.*)$/.test(name) && value !== "0"),
        ),
      }
    },
    async jobsOf(pid) {
      const leases = await client.zRange(keys.leases, "-inf", "(+inf", { BY: "SCORE" })
      const jobs = await readJobs(leases.map((lease) => lease.split(":")[0] ?? ""))
      return [...jobs.values()].filter((job) => job.state === "processing" && job.worker.includes(`-${pid}-`))
    },
    close: () => client.destroy(),
  }
}

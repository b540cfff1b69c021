/**
 * What the queue costs at depths of 10², 10⁴ and 10⁶: `npx tsx bench/queue-depth.ts [depth …]`.
 *
 * On a Redis of its own, by TCP. `µs` is what Redis says of the scripts themselves (INFO commandstats), `/s` is what one
 * client with 50 calls under way got through, its own work included. A million jobs take about 2 GB and some minutes.
 */
import { encodeJob } from "../src/lib/queue/job.ts"
import { JobStore } from "../src/lib/queue/job-store.ts"
import type { Script } from "../src/lib/redis/script.ts"
import { ENQUEUE } from "../src/lib/redis/scripts.ts"
import {
  claimOf,
  jobOf,
  type StoreHarness,
  startStoreHarness,
  success,
  T0,
} from "../test/support/store/store-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../test/support/store/store-limits.ts"

const ROUNDS = 40
const JOBS_A_ROUND = 50
const CALLERS = 1_000

type Cost = { calls: number; scriptMicros: number; wallMs: number }

const harness = await startStoreHarness()
const limits = { ...DEFAULT_STORE_LIMITS, maxDepth: 1e9, maxDepthPerCaller: 1e9, maxBytes: 1e15, maxResultBytes: 1e15 }
const store = harness.crowdStore(limits)
let submitted = 0

/** Ids as edges make them: in order of time. */
const nextJob = () => {
  const number = submitted++
  const id = `01${String(number).padStart(24, "0")}`
  return jobOf(id, { caller: `key:${(number * 7_919) % CALLERS}`, contentKey: `content-${number}`, bytes: 1 })
}

/** By the script itself: reading a million replies as jobs would take longer than all the rest. */
async function fill({ client, keys }: StoreHarness, depth: number): Promise<void> {
  const settings = await settingsOfEnqueue()
  const sha = await client.scriptLoad(ENQUEUE.text)
  for (let left = depth - (await waiting()); left > 0; left -= 1_000) {
    const sent = Array.from({ length: Math.min(1_000, left) }, () => {
      const { weight: _, ...job } = nextJob()
      const record = encodeJob({ ...job, bytes: 1, attempts: 0, start: "0", span: "1", state: "queued" })
      client.set(keys.payload(String(job.payloadId)), "x", { PX: 60_000 })
      return client.evalSha(sha, { keys: [keys.prefix], arguments: [record, settings] })
    })
    await Promise.all(sent)
  }
}

/** What the store passes to its script. */
async function settingsOfEnqueue(): Promise<string> {
  let settings = ""
  const listen = async (_script: Script, _keys: readonly string[], args: readonly (string | number)[]) => {
    settings = String(args[1])
    return ["queue_full", "", -1]
  }
  const listener = new JobStore({ ...harness.redis, script: listen }, harness.keys, limits)
  await listener.enqueue(nextJob()).catch(() => "refused, as it was made to be")
  return settings
}

const waiting = () => harness.client.zCard(harness.keys.queue("m"))

async function measure(cost: Cost, calls: number, work: () => Promise<unknown>): Promise<void> {
  await harness.client.configResetStat()
  const startMs = performance.now()
  await work()
  cost.wallMs += performance.now() - startMs
  const micros = (await harness.client.info("commandstats")).match(/cmdstat_evalsha:calls=\d+,usec=(\d+)/)?.[1]
  cost.scriptMicros += Number(micros)
  cost.calls += calls
}

async function measureAt({ client, keys }: StoreHarness, depth: number) {
  await fill(harness, depth)
  const costs = { enqueue: newCost(), claim1: newCost(), claim4: newCost(), finish: newCost() }
  const memory = Number((await client.info("memory")).match(/used_memory:(\d+)/)?.[1])
  for (let round = 0; round < ROUNDS; round++) {
    const jobs = Array.from({ length: JOBS_A_ROUND }, nextJob)
    await Promise.all(jobs.map(({ payloadId }) => store.putPayload(String(payloadId), new Uint8Array(1))))
    await measure(costs.enqueue, jobs.length, () => Promise.all(jobs.map((job) => store.enqueue(job))))

    const max = round % 2 === 0 ? 1 : 4
    const claims = Array.from({ length: Math.ceil(JOBS_A_ROUND / max) }, () => claimOf({ max }))
    const leases: { jobId: string; token: string }[] = []
    await measure(max === 1 ? costs.claim1 : costs.claim4, claims.length, async () => {
      for (const { jobs } of await Promise.all(claims.map((claim) => store.claim(claim)))) {
        for (const { id, leaseToken } of jobs) leases.push({ jobId: id, token: leaseToken })
      }
    })
    await measure(costs.finish, leases.length, () =>
      Promise.all(leases.map((lease) => store.finish(lease, success(), T0))),
    )
  }
  const flowFields = await client.hLen(keys.counters)
  return { depth, costs, bytesPerJob: memory / depth, flowFields }
}

const newCost = (): Cost => ({ calls: 0, scriptMicros: 0, wallMs: 0 })
const describeCost = ({ calls, scriptMicros, wallMs }: Cost) =>
  `${(scriptMicros / calls).toFixed(0)} µs, ${Math.round((calls * 1_000) / wallMs)}/s`

const print = (line: string) => process.stdout.write(`${line}\n`)

try {
  const depths = process.argv.slice(2).map(Number)
  print("| depth | enqueue | claim of 1 | claim of 4 | finish | bytes a job | fields in flow |")
  print("|---|---|---|---|---|---|---|")
  for (const depth of depths.length > 0 ? depths : [100, 10_000, 1_000_000]) {
    const { costs, bytesPerJob, flowFields } = await measureAt(harness, depth)
    const cells = [costs.enqueue, costs.claim1, costs.claim4, costs.finish].map(describeCost)
    print(`| ${[depth, ...cells, Math.round(bytesPerJob), flowFields].join(" | ")} |`)
  }
} finally {
  await harness.close()
}

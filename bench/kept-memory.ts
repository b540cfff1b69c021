/**
 * What finished jobs take in Redis: `npx tsx bench/kept-memory.ts [jobs]` (100,000 unless said, some minutes).
 *
 * A real edge takes one picture, so that records are as it writes them; the others are made by the real scripts on a Redis with
 * its append-only file, and end with the answer that a classifier gives, without computing it. docs/scale.md has the outcome.
 */
import { createClient } from "@redis/client"
import type { Outcome } from "../src/lib/queue/claim.ts"
import { decodeJob, type Job } from "../src/lib/queue/job.ts"
import { newJobId } from "../src/lib/queue/job-id.ts"
import { JobStore } from "../src/lib/queue/job-store.ts"
import { readQueueStats } from "../src/lib/queue/queue-stats.ts"
import { Registry } from "../src/lib/queue/registry.ts"
import { createKeys } from "../src/lib/redis/keys.ts"
import { connectTcp } from "../src/redis-tcp/tcp.ts"
import { FakeClassifier } from "../test/support/edge/edge-classifier.ts"
import { openInProcess } from "../test/support/edge/edge-in-process.ts"
import { ALICE, edgeEnv } from "../test/support/edge/edge-runtime.ts"
import { flatJpeg } from "../test/support/images/images.ts"
import { startGateway, startRedis } from "../test/support/redis/redis-server.ts"
import { DEFAULT_STORE_LIMITS } from "../test/support/store/store-limits.ts"

const jobs = Number(process.argv[2] ?? 100_000)
const CONCURRENCY = 64
const IMAGE = { format: "jpeg", width: 1_280, height: 720, bytes: 120_000, orientation: 1 }
const LABELS = ["golden retriever", "Labrador retriever", "cocker spaniel", "Sussex spaniel", "Irish setter"]
const WORKER = "classifier-7c9f4d-1-8n3k2q"

const server = await startRedis({ appendOnly: true })
const gateway = await startGateway({ redisUrl: server.url })
const client = createClient({ url: server.url, commandOptions: { timeout: 120_000 } })
await client.connect()
const redis = connectTcp({ url: server.url, timeoutMs: 120_000 })
const keys = createKeys()
const limits = { ...DEFAULT_STORE_LIMITS, maxBytes: 1e15, maxDepth: 1e9, maxDepthPerCaller: 1e9, maxResultBytes: 1e15 }
const store = new JobStore(redis, keys, limits)

const random = (bytes: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("hex")
const hashed = { ...IMAGE, sha256: "" }

/** A job as the real edge writes it. */
async function takeOne(): Promise<Job> {
  const classifier = new FakeClassifier(gateway)
  await classifier.arrive()
  const edge = openInProcess(await edgeEnv(gateway))
  const headers = { "content-type": "image/jpeg", authorization: `Bearer ${ALICE}` }
  const body = flatJpeg([200, 10, 10]) as Uint8Array<ArrayBuffer>
  const answer = await edge.request("/v1/classifications", { method: "POST", headers, body })
  const { id } = (await answer.json()) as { id: string }
  const text = await client.get(keys.job(id.slice(4, 30)))
  await classifier.claim()
  return decodeJob(text ?? "")
}

const template = await takeOne()
await client.flushAll()
const before = await usedBytes()

async function submitOne(): Promise<void> {
  const nowMs = Date.now()
  const id = newJobId(nowMs)
  const { state: _state, start: _start, span: _span, attempts: _attempts, ...job } = template
  await store.putPayload(id, new Uint8Array(1))
  await store.enqueue({
    ...job,
    ...{ id, payloadId: id, createdMs: nowMs, deadlineMs: nowMs + 3_600_000, weight: 1, contentKey: random(32) },
    input: {
      ...job.input,
      ticketId: `cls_${id}${random(8)}`,
      fingerprint: random(32),
      image: { ...hashed, sha256: random(32) },
      ...(job.input.trace && { trace: `00-${random(16)}-${random(8)}-00` }),
    },
  })
}

function outcome(sha256: string): Outcome {
  const predictions = LABELS.map((label, i) => ({ label, probability: Math.random() / 2 ** i, classIndex: 207 + i }))
  const image = { ...IMAGE, sha256 }
  return {
    state: "succeeded",
    result: { modelVersion: random(6), predictions, image, timingsMs: { fetch: 1.5, decode: 4.2, infer: 47.3 } },
  }
}

async function finishSome(): Promise<void> {
  const nowMs = Date.now()
  const claimed = await store.claim({
    ...{
      worker: WORKER,
      queues: [template.queue],
      max: CONCURRENCY,
      nowMs,
      leaseMs: 30_000,
      token: newJobId(nowMs),
      isIdle: true,
    },
  })
  await Promise.all(
    claimed.jobs.map((job) =>
      store.finish({ jobId: job.id, token: job.leaseToken, job }, outcome(job.input.image?.sha256 ?? ""), Date.now()),
    ),
  )
}

for (let left = jobs; left > 0; left -= CONCURRENCY) {
  await Promise.all(Array.from({ length: Math.min(left, CONCURRENCY) }, submitOne))
  await finishSome()
}

async function info(section: string, name: string): Promise<number> {
  return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(await client.info(section))?.[1] ?? 0)
}
async function usedBytes(): Promise<number> {
  return info("memory", "used_memory")
}

const used = (await usedBytes()) - before
const logged = await info("persistence", "aof_current_size")
await client.bgRewriteAof()
while (
  (await info("persistence", "aof_rewrite_in_progress")) + (await info("persistence", "aof_rewrite_scheduled")) >
  0
)
  await new Promise((resolve) => setTimeout(resolve, 100))
const snapshot = await info("persistence", "aof_base_size")
const [example = ""] = (await client.scan("0", { MATCH: keys.job("*"), COUNT: 1_000 })).keys
const [content = ""] = (await client.scan("0", { MATCH: keys.content("*"), COUNT: 1_000 })).keys
const stats = await readQueueStats({ redis, keys, limits }, await new Registry(redis, keys).read(), Date.now())
const each = (bytes: number | null) => Math.round((bytes ?? 0) / jobs)
const rows = {
  jobs,
  "Redis memory, a job": each(used),
  "of it MEMORY USAGE of the record": await client.memoryUsage(example),
  "and of its content key": await client.memoryUsage(content),
  "length of the record": (await client.get(example))?.length,
  "counted against MAX_RESULT_BYTES, a job": each(stats.result_bytes),
  "append-only file, written a job": each(logged),
  "append-only file, rewritten, a job": each(snapshot),
}
process.stdout.write(
  `${Object.entries(rows)
    .map(([name, value]) => `${name}: ${value}`)
    .join("\n")}\n\n${await client.get(example)}\n`,
)
client.destroy()
redis.close()
await gateway.close()
await server.stop()

// What the queue itself costs, with nothing to decode or infer: `inspect` jobs here, an empty processor of BullMQ there.
//   npm install --prefix bench/peers && npm run bench:queue -- [--jobs 1000] [--bytes 100000] [--rounds 3]
// In turns on the same machine, each with a Redis of its own. CPU is that of all processes that take part.
import { type ChildProcess, spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { availableParallelism } from "node:os"
import { createInterface } from "node:readline"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { createClient } from "@redis/client"
import { JobStore } from "../../src/lib/queue/job-store.ts"
import { Operator } from "../../src/lib/queue/operator.ts"
import { counterFields, createKeys } from "../../src/lib/redis/keys.ts"
import { connectTcp } from "../../src/redis-tcp/tcp.ts"
import { freePorts } from "../../test/support/free-ports.ts"
import { flatPng } from "../../test/support/images/images.ts"
import { startRedis } from "../../test/support/redis/redis-server.ts"
import { jobOf } from "../../test/support/store/store-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../../test/support/store/store-limits.ts"
import { processUse } from "../process-use.ts"

const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: "1000" },
    bytes: { type: "string", default: "100000" },
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: "TCP,REST,BullMQ" },
  },
})
const [jobs, bytes] = [Number(values.jobs), Number(values.bytes)]
const threads = availableParallelism()
const WARM_UP = 100

type Process = { child: ChildProcess; says: (pattern: RegExp) => Promise<unknown> }
/** CPU of each process, in milliseconds a job. */
type Result = { perSecond: number; cpuMs: Record<string, number> }

function start(script: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Process {
  const file = fileURLToPath(new URL(script, import.meta.url))
  const flags = script.endsWith("classifier/main.js") ? ["--max-semi-space-size=4"] : []
  const child = spawn(process.execPath, [...flags, file, ...args], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: process.env.PATH, ...env },
  })
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  const says = (pattern: RegExp) =>
    new Promise((resolve, reject) => {
      lines.on("line", (text) => pattern.test(text) && resolve(text))
      child.once("exit", (code) => reject(new Error(`${script} ended with ${code}`)))
    })
  return { child, says }
}

async function end({ child }: Process): Promise<void> {
  child.kill()
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
}

async function measure(pids: Record<string, number>, work: () => Promise<unknown>): Promise<Result> {
  const use = () => Object.entries(pids).map(([name, pid]) => [name, processUse(String(pid)).cpuMs] as const)
  const before = new Map(use())
  const startMs = performance.now()
  await work()
  const perSecond = (jobs * 1_000) / (performance.now() - startMs)
  return {
    perSecond,
    cpuMs: Object.fromEntries(use().map(([name, ms]) => [name, (ms - (before.get(name) ?? 0)) / jobs])),
  }
}

/** A Redis of its own, and which process that is. */
async function withRedis(run: (redis: { url: string; pid: number }) => Promise<Result>): Promise<Result> {
  const { url, stop } = await startRedis()
  const client = await createClient({ url }).connect()
  try {
    const [, pid] = /process_id:(\d+)/.exec(await client.info("server")) ?? []
    return await run({ url, pid: Number(pid) })
  } finally {
    client.destroy()
    await stop()
  }
}

const claimcheck = (isTcp: boolean) =>
  withRedis(async ({ url, pid }) => {
    const [gatewayPort = 0] = await freePorts(1)
    const rest = { UPSTASH_REDIS_REST_URL: `http://127.0.0.1:${gatewayPort}`, UPSTASH_REDIS_REST_TOKEN: "t" }
    const gateway = start("../../dist/gateway/main.js", [], {
      REDIS_URL: url,
      ...rest,
      GATEWAY_PORT: String(gatewayPort),
    })
    await gateway.says(/gateway.ready/)
    const classifier = start("../../dist/classifier/main.js", [], {
      ...(isTcp ? { REDIS_URL: url } : rest),
      HEALTH_PORT: "0",
    })
    const redis = connectTcp({ url, timeoutMs: 30_000 })
    const keys = createKeys()
    const store = new JobStore(redis, keys, DEFAULT_STORE_LIMITS)
    const operator = new Operator(redis, keys, DEFAULT_STORE_LIMITS)
    const picture = Buffer.concat([flatPng([1, 2, 3]), randomBytes(bytes)])
    const fill = async (name: string, count: number) => {
      for (let i = 0; i < count; i++) {
        const id = `${name}${i}`
        const { model: _none, ...job } = jobOf(id, { queue: "@inspect", createdMs: Date.now(), bytes: picture.length })
        await store.putPayload(`${id}-bytes`, picture)
        await store.enqueue({ ...job, input: { ...job.input, operation: { name: "inspect" } } })
      }
    }
    const untilDone = async () => {
      for (;;) {
        const waiting = redis.hget(keys.counters, counterFields.waiting)
        const [count, leased] = await Promise.all([waiting, redis.zcount(keys.leases, "-inf", "(+inf")])
        if (Number(count) + leased === 0) return
        await setTimeout(20)
      }
    }
    try {
      await classifier.says(/classifier.ready/)
      await fill("warm", WARM_UP)
      await untilDone()
      await operator.pause()
      await fill("measured", jobs)
      const pids = { classifier: classifier.child.pid ?? 0, gateway: gateway.child.pid ?? 0, redis: pid }
      const result = await measure(pids, async () => {
        await operator.resume()
        await untilDone()
      })
      const ended = await Promise.all(Array.from({ length: jobs }, (_, i) => store.read(`measured${i}`)))
      const failed = ended.find((job) => job?.state !== "succeeded")
      if (failed !== undefined) throw new Error(`Not every job has succeeded: ${JSON.stringify(failed)}`)
      return result
    } finally {
      redis.close()
      await end(classifier)
      await end(gateway)
    }
  })

const bullmq = () =>
  withRedis(async ({ url, pid }) => {
    const worker = start("run-bullmq-empty.mjs", [
      JSON.stringify({ redis: url, jobs, bytes, threads, warmUp: WARM_UP }),
    ])
    try {
      await worker.says(/ready/)
      return await measure({ worker: worker.child.pid ?? 0, redis: pid }, async () => {
        const done = worker.says(/done/)
        worker.child.stdin?.write("go\n")
        await done
      })
    } finally {
      await end(worker)
    }
  })

const CONTENDERS = { TCP: () => claimcheck(true), REST: () => claimcheck(false), BullMQ: bullmq }
const print = (line: string) => process.stdout.write(`${line}\n`)
print(`${jobs} jobs of ${bytes} bytes, ${threads} threads`)
for (let round = 1; round <= Number(values.rounds); round++) {
  for (const [name, run] of Object.entries(CONTENDERS)) {
    if (!values.only.split(",").includes(name)) continue
    const { perSecond, cpuMs } = await run()
    const total = Object.values(cpuMs).reduce((sum, ms) => sum + ms, 0)
    const parts = Object.entries(cpuMs).map(([part, ms]) => `${part} ${ms.toFixed(2)}`)
    print(
      `${round}  ${name.padEnd(7)} ${perSecond.toFixed(0)} jobs/s, ${(1_000 / total).toFixed(0)} jobs per CPU second: ${parts.join(" + ")} = ${total.toFixed(2)} ms`,
    )
  }
}

// Pictures a second: the bare decode + infer loop, the classifier on a full queue, and the whole path with clients.
//   npm run bench:throughput -- [--pictures ../shared/images/imagenet] [--jobs 400] [--clients 16] [--edge node|workerd]
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Worker } from "node:worker_threads"
import { Claimcheck, Ticket, type TicketData } from "../src/lib/client/claimcheck.ts"
import { DEFAULT_STORE_LIMITS } from "../src/lib/job-store.ts"
import { createKeys } from "../src/lib/keys.ts"
import { Operator } from "../src/lib/operator.ts"
import { connectRedis } from "../src/lib/redis.ts"
import { type BenchStack, startBenchStack } from "./stack.ts"

const { values } = parseArgs({
  options: {
    pictures: { type: "string", default: "../shared/images/imagenet" },
    jobs: { type: "string", default: "400" },
    clients: { type: "string", default: "16" },
    edge: { type: "string", default: "node" },
  },
})
const jobs = Number(values.jobs)
const lanes = availableParallelism()
const pictures = readdirSync(values.pictures)
  .filter((name) => /\.(jpe?g|png)$/i.test(name))
  .map((name) => new Uint8Array(readFileSync(join(values.pictures, name))))
const print = (line: string) => process.stdout.write(`${line}\n`)

async function bareLoop(): Promise<number> {
  const modelFolder = {
    id: "efficientnet_lite0",
    folder: fileURLToPath(new URL("../models/efficientnet_lite0", import.meta.url)),
  }
  const limits = { maxPixels: 50e6, maxBytes: 8e6, maxDecodeBytes: 2 ** 30 }
  const workerData = { modelFolder, pictures, limits }
  const workers = Array.from(
    { length: lanes },
    () => new Worker(new URL("./bare-loop.mjs", import.meta.url), { workerData }),
  )
  await Promise.all(workers.map((worker) => once(worker, "message")))
  const run = async (rounds: number) => {
    const answers = workers.map((worker) => once(worker, "message"))
    for (const worker of workers) worker.postMessage(rounds)
    await Promise.all(answers)
  }
  await run(1)
  const rounds = Math.max(1, Math.round(jobs / lanes / pictures.length))
  const startMs = performance.now()
  await run(rounds)
  const perSecond = (rounds * pictures.length * lanes * 1_000) / (performance.now() - startMs)
  await Promise.all(workers.map((worker) => worker.terminate()))
  return perSecond
}

/** Classifies `count` pictures with so many clients at once; returns the tickets. */
async function submitAll(client: Claimcheck, count: number, clients: number, wait: boolean): Promise<TicketData[]> {
  const tickets: TicketData[] = []
  let next = 0
  const work = async () => {
    for (let i = next++; i < count; i = next++) {
      const handle = await client.submit(pictures[i % pictures.length] as Uint8Array, { noCache: true })
      if (wait) tickets.push(await handle.result())
      else if (handle.latest !== undefined) tickets.push(handle.latest)
    }
  }
  await Promise.all(Array.from({ length: clients }, work))
  return tickets
}

/** First claim to last complete, by the classifier's own clock, while nobody uploads or polls. */
async function fullQueue(stack: BenchStack, client: Claimcheck): Promise<number> {
  const operator = new Operator(connectRedis(stack.rest), createKeys(), DEFAULT_STORE_LIMITS)
  await operator.pause()
  const tickets = await submitAll(client, jobs, 8, false)
  await operator.resume()
  const done = []
  for (const { id } of tickets) done.push(await Ticket.from(id, { url: stack.url }).result())
  const startMs = Math.min(...done.map(({ started_at: at = "" }) => Date.parse(at)))
  const endMs = Math.max(...done.map(({ finished_at: at = "" }) => Date.parse(at)))
  return (done.length * 1_000) / (endMs - startMs)
}

async function wholePath(client: Claimcheck): Promise<{ perSecond: number; p50: number; p99: number }> {
  const startMs = performance.now()
  const tickets = await submitAll(client, jobs, Number(values.clients), true)
  const tookMs = performance.now() - startMs
  const totals = tickets.map(({ timings_ms: timings }) => timings?.total ?? 0).sort((a, b) => a - b)
  const at = (share: number) => totals[Math.min(totals.length - 1, Math.floor(totals.length * share))] ?? 0
  return { perSecond: (tickets.length * 1_000) / tookMs, p50: at(0.5), p99: at(0.99) }
}

const bareBefore = await bareLoop()
const stack = await startBenchStack(values.edge === "workerd" ? "workerd" : "node")
try {
  const client = new Claimcheck({ url: stack.url })
  await submitAll(client, pictures.length, 4, true)
  const queueFull = await fullQueue(stack, client)
  const path = await wholePath(client)
  await stack.stop()
  const bareAfter = await bareLoop()
  const bare = (bareBefore + bareAfter) / 2
  print(`${pictures.length} pictures, ${jobs} jobs, ${lanes} lanes, edge on ${values.edge}; pictures a second`)
  print(
    `bare decode + infer loop            ${bare.toFixed(1).padStart(6)}   (before ${bareBefore.toFixed(1)}, after ${bareAfter.toFixed(1)})`,
  )
  print(
    `classifier on a full queue          ${queueFull.toFixed(1).padStart(6)}   ${(queueFull / bare).toFixed(2)} of bare`,
  )
  print(
    `whole path, ${values.clients.padStart(2)} clients             ${path.perSecond.toFixed(1).padStart(6)}   ${(path.perSecond / bare).toFixed(2)} of bare, p50 ${path.p50.toFixed(0)} ms, p99 ${path.p99.toFixed(0)} ms`,
  )
} finally {
  await stack.stop()
}

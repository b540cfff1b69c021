// Pictures a second: the bare decode + infer loop, the classifier on a full queue, and the whole path with clients.
//   npm run bench:throughput -- [--pictures ../shared/images/imagenet] [--jobs 400] [--clients 16] [--edge node|workerd]
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { Worker } from "node:worker_threads"
import { Claimcheck, type TicketData } from "../src/lib/client/claimcheck.ts"
import { fullQueue } from "./full-queue.ts"
import { groupUse } from "./process-use.ts"
import { startBenchStack } from "./stack.ts"

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
  const limits = { maxPixels: 50e6, maxSidePx: 65_535, maxBytes: 8e6, maxDecodeBytes: 600e6, maxDecodeMs: 60_000 }
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

type Seen = { ticket: TicketData; latencyMs: number; delayMs: number }

/** Each of `clients` uploads a picture, waits as the server says, and starts over. */
async function classifyAll(client: Claimcheck, count: number, clients: number): Promise<Seen[]> {
  const seen: Seen[] = []
  let next = 0
  const work = async () => {
    for (let i = next++; i < count; i = next++) {
      const startMs = performance.now()
      const ticket = await client.classify(pictures[i % pictures.length] as Uint8Array, { noCache: true })
      const delayMs = Math.max(0, Date.now() - Date.parse(ticket.finished_at ?? ""))
      seen.push({ ticket, latencyMs: performance.now() - startMs, delayMs })
    }
  }
  await Promise.all(Array.from({ length: clients }, work))
  return seen
}

function describe(seen: readonly Seen[]): string {
  const at = (values: number[], share: number) =>
    values.sort((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? 0
  const latencies = seen.map(({ latencyMs }) => latencyMs)
  const bare = seen.map(({ ticket: { timings_ms: ms } }) => (ms?.decode ?? 0) + (ms?.infer ?? 0))
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
  const delay = sum(seen.map(({ delayMs }) => delayMs))
  const ms = (value: number) => `${value.toFixed(0)} ms`
  return (
    `p50 ${ms(at(latencies, 0.5))}, p99 ${ms(at(latencies, 0.99))}; decode + infer p50 ${ms(at(bare, 0.5))}; polls per ticket ` +
    `${(polls / seen.length).toFixed(2)}; polling adds ${ms(delay / seen.length)}, ${((100 * delay) / sum(latencies)).toFixed(1)} % of the wait`
  )
}

let polls = 0
const countingFetch: typeof fetch = (input, init) => {
  if ((init?.method ?? "GET") === "GET") polls++
  return fetch(input, init)
}

const bareBefore = await bareLoop()
const stack = await startBenchStack(values.edge === "workerd" ? "workerd" : "node")
const PARTS = ["redis", "gateway", "edge", "classifier"]
const cpuOfParts = () => PARTS.map((part) => groupUse(stack.groupOf(part)).cpuMs)
try {
  const client = new Claimcheck({ url: stack.url, fetch: countingFetch })
  // The first jobs teach the classifier its own speed, and the edge hears of it within seconds.
  await classifyAll(client, 200, 4)
  // The bare loop had its round to warm up; V8 compiles the queue's part of the classifier in its first few hundred jobs.
  const queueFirst = (await fullQueue(stack, { client, pictures, jobs })).perSecond
  const queueFull = (await fullQueue(stack, { client, pictures, jobs })).perSecond
  await classifyAll(client, 100, 1)
  polls = 0
  const idle = describe(await classifyAll(client, 100, 1))
  polls = 0
  const startMs = performance.now()
  const before = cpuOfParts()
  const path = await classifyAll(client, jobs, Number(values.clients))
  const after = cpuOfParts()
  const perSecond = (path.length * 1_000) / (performance.now() - startMs)
  await stack.stop()
  const bareAfter = await bareLoop()
  const bare = (bareBefore + bareAfter) / 2
  print(`${pictures.length} pictures, ${jobs} jobs, ${lanes} lanes, edge on ${values.edge}; pictures a second`)
  print(
    `bare decode + infer loop            ${bare.toFixed(1).padStart(6)}   (before ${bareBefore.toFixed(1)}, after ${bareAfter.toFixed(1)})`,
  )
  print(
    `classifier on a full queue          ${queueFull.toFixed(1).padStart(6)}   ${(queueFull / bare).toFixed(2)} of bare (its first ${jobs} jobs: ${(queueFirst / bare).toFixed(2)})`,
  )
  print(
    `whole path, ${values.clients} clients              ${perSecond.toFixed(1).padStart(6)}   ${(perSecond / bare).toFixed(2)} of bare`,
  )
  print(`  under load: ${describe(path)}`)
  const share = PARTS.map((part, i) => `${part} ${(((after[i] ?? 0) - (before[i] ?? 0)) / path.length).toFixed(1)} ms`)
  print(`  CPU a picture: ${share.join(", ")}`)
  print(`  idle:       ${idle}`)
} finally {
  await stack.stop()
}

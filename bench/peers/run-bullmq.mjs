// The queue that a user might take instead: BullMQ, its worker with sharp and onnxruntime-node, on a Redis of its own. Options
// as JSON in argv: { redis, folder, threads, jobs, onnx }. The queue is filled first; measured is first claim to last answer.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Queue, Worker } from "bullmq"
import { Redis } from "ioredis"
import { startThreads } from "./threads.mjs"

const { redis, folder, threads, jobs, onnx } = JSON.parse(process.argv[2])
const pictures = readdirSync(folder).map((name) => readFileSync(join(folder, name)).toString("base64"))
const connection = new Redis(redis, { maxRetriesPerRequest: null })
const pool = await startThreads("./ort-thread.mjs", { threads, workerData: { runtime: "node", onnx } })
for (const picture of pictures.slice(0, threads)) await pool.classify(Buffer.from(picture, "base64"))

const queue = new Queue("pictures", { connection })
for (let i = 0; i < jobs; i++) await queue.add("classify", { image: pictures[i % pictures.length] })

const cpuStart = process.cpuUsage()
let firstMs = Number.POSITIVE_INFINITY
let done = 0
const worker = new Worker(
  "pictures",
  async ({ data }) => {
    firstMs = Math.min(firstMs, performance.now())
    return { index: await pool.classify(Buffer.from(data.image, "base64")) }
  },
  { connection, concurrency: threads + 1 },
)
await new Promise((resolve, reject) => {
  worker.on("completed", () => {
    if (++done === jobs) resolve()
  })
  worker.on("failed", (_job, error) => reject(error))
})
const wallMs = performance.now() - firstMs
const { user, system } = process.cpuUsage(cpuStart)
const result = {
  perSecond: (jobs * 1_000) / wallMs,
  cpuMs: (user + system) / 1_000 / jobs,
  peakMb: process.resourceUsage().maxRSS / 1_024,
}
process.stdout.write(`${JSON.stringify(result)}\n`)
await worker.close()
await pool.close()
process.exit(0)

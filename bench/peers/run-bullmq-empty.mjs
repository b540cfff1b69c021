// BullMQ with a processor that does nothing, on the Redis and with the jobs that argv names: { redis, jobs, bytes, threads }. The queue
// is filled first; measured is first claim to last answer.
import { randomBytes } from "node:crypto"
import { Queue, Worker } from "bullmq"
import { Redis } from "ioredis"

const { redis, jobs, bytes, threads, warmUp } = JSON.parse(process.argv[2])
const connection = new Redis(redis, { maxRetriesPerRequest: null })
const image = randomBytes(bytes).toString("base64")
const queue = new Queue("pictures", { connection })
const fill = (name, count) => queue.addBulk(Array.from({ length: count }, () => ({ name, data: { image } })))

async function drain(count) {
  let done = 0
  const worker = new Worker("pictures", async ({ data }) => ({ bytes: Buffer.from(data.image, "base64").length }), {
    connection,
    concurrency: threads + 1,
  })
  await new Promise((resolve, reject) => {
    worker.on("completed", () => ++done === count && resolve())
    worker.on("failed", (_job, error) => reject(error))
  })
  await worker.close()
}

// Compiled and connected, as a worker is that has run for a while.
await fill("warm", warmUp)
await drain(warmUp)
await fill("measured", jobs)
process.stdout.write("ready\n")
await new Promise((resolve) => process.stdin.once("data", resolve))
await drain(jobs)
process.stdout.write("done\n")
await new Promise((resolve) => process.stdin.once("data", resolve))
process.exit(0)

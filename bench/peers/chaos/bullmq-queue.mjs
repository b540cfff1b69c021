// BullMQ as its guide has it for production: a worker that waits for Redis for ever, a producer that fails at once, jobs kept.
import { Job, Queue, Worker } from "bullmq"
import { Redis } from "ioredis"

const NAME = "chaos"
const WAITING = new Set(["waiting", "delayed", "prioritized"])

/** @type {import("./queue-under-test.ts").OpenQueue} */
export async function openQueue({ url, concurrency, lockMs, maxAttempts }) {
  const quiet = (client) => client.on("error", () => undefined) // the call that meets it rejects
  const connection = quiet(new Redis(url, { maxRetriesPerRequest: 1, enableOfflineQueue: false }))
  const queue = quiet(new Queue(NAME, { connection }))
  await queue.waitUntilReady()
  const closing = [() => queue.close(), () => connection.disconnect()]
  return {
    async submit(id) {
      await queue.add("work", {}, { jobId: id, attempts: maxAttempts, removeOnComplete: false, removeOnFail: false })
    },

    async read(id) {
      // The state first: what has ended stays as it is.
      const state = await queue.getJobState(id)
      if (state === "unknown") return { state: "gone" }
      if (state !== "completed" && state !== "failed") return { state: "waiting" }
      const job = await Job.fromId(queue, id)
      if (job === undefined) return { state: "gone" }
      return state === "completed"
        ? { state: "done", answer: String(job.returnvalue) }
        : { state: "failed", reason: String(job.failedReason) }
    },

    async cancel(id) {
      // It removes what has ended as well, and that is no cancel.
      const state = await queue.getJobState(id)
      return WAITING.has(state) && (await queue.remove(id)) === 1
    },

    async work(work, onAccepted) {
      const workerConnection = quiet(new Redis(url, { maxRetriesPerRequest: null }))
      const worker = quiet(
        new Worker(NAME, (job) => work(job.id), {
          connection: workerConnection,
          concurrency,
          lockDuration: lockMs,
          stalledInterval: lockMs / 2,
          // As many as the others may try; the default of one fails a job that stalls twice.
          maxStalledCount: maxAttempts,
        }),
      )
      worker.on("completed", (job) => onAccepted(job.id))
      closing.unshift(
        () => worker.close(),
        () => workerConnection.disconnect(),
      )
      await worker.waitUntilReady()
    },

    async close() {
      for (const close of closing) await close()
    },
  }
}

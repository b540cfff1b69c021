// pg-boss as its guide has it: the defaults of PostgreSQL, a work() for each job at a time, jobs kept for its twelve hours. It
// renews no locks: a job that takes longer than `expireInSeconds` is tried again, and maintenance finds it.
import PgBoss from "pg-boss"

const NAME = "chaos"

/** @type {import("./queue-under-test.ts").OpenQueue} */
export async function openQueue({ url, concurrency, lockMs, maxAttempts }) {
  const open = async (options) => {
    const boss = new PgBoss({ connectionString: url, schedule: false, ...options })
    boss.on("error", () => undefined) // the call that meets it rejects
    await boss.start()
    await boss.createQueue(NAME)
    return boss
  }
  const boss = await open({ supervise: false })
  const closing = [() => boss.stop({ graceful: false })]
  return {
    async submit(id) {
      const options = { id, retryLimit: maxAttempts - 1, expireInSeconds: Math.ceil(lockMs / 1_000) }
      // Null says that there is such a job.
      await boss.send(NAME, {}, options)
    },

    async read(id) {
      const job = await boss.getJobById(NAME, id, { includeArchive: true })
      switch (job?.state) {
        case undefined:
          return { state: "gone" }
        case "completed":
          return { state: "done", answer: String(job.output?.answer) }
        case "failed":
          return { state: "failed", reason: JSON.stringify(job.output) }
        case "cancelled":
          return { state: "canceled" }
        default:
          return { state: "waiting" }
      }
    },

    async cancel(id) {
      return (await boss.cancel(NAME, id)).affected === 1
    },

    async work(work, onAccepted) {
      const worker = await open({ maintenanceIntervalSeconds: 1, max: concurrency + 2 })
      closing.unshift(() => worker.stop({ graceful: false }))
      const handle = async ([job]) => {
        const output = { answer: await work(job.id) }
        // What work() does with what is returned; only the call says whether the answer was taken.
        if ((await worker.complete(NAME, job.id, output)).affected === 1) onAccepted(job.id)
        return output
      }
      for (let i = 0; i < concurrency; i++) {
        await worker.work(NAME, { batchSize: 1, pollingIntervalSeconds: 0.5 }, handle)
      }
    },

    async close() {
      for (const close of closing) await close()
    },
  }
}

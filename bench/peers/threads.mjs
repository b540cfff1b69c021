// N threads that take one picture at a time each.
import { once } from "node:events"
import { Worker } from "node:worker_threads"

export async function startThreads(file, { threads, workerData }) {
  const workers = Array.from({ length: threads }, () => new Worker(new URL(file, import.meta.url), { workerData }))
  await Promise.all(workers.map((worker) => once(worker, "message")))
  const idle = [...workers]
  const waiting = []
  let last = 0

  function dispatch() {
    while (idle.length > 0 && waiting.length > 0) {
      const worker = idle.shift()
      const { bytes, resolve } = waiting.shift()
      const number = ++last
      worker.once("message", ({ index }) => {
        idle.push(worker)
        resolve(index)
        dispatch()
      })
      worker.postMessage({ number, bytes })
    }
  }
  return {
    classify: (bytes) =>
      new Promise((resolve) => {
        waiting.push({ bytes, resolve })
        dispatch()
      }),
    close: () => Promise.all(workers.map((worker) => worker.terminate())),
  }
}

import { vi } from "vitest"
import { composeClassifier } from "../../../src/classifier/compose-classifier.ts"
import { readClassifierConfig } from "../../../src/classifier/config.ts"
import { runClassifier } from "../../../src/classifier/run-classifier.ts"
import { type Log, silentLog } from "../../../src/lib/log.ts"
import type { Redis } from "../../../src/lib/redis/redis.ts"
import { sleep } from "../../../src/lib/sleep.ts"
import { aroundRedis } from "../redis/redis-sdk.ts"

const MODEL = {
  ...{ id: "m", version: "1", name: "M", inputWidth: 8, inputHeight: 8, labels: 3 },
  ...{ languages: [], memoryBytes: 0, servedBy: { engine: "wasm", plan: true } as const },
}

export type BilledClassifier = {
  /** Jobs that came to their end. */
  done: () => number
  /** Waits, without letting time pass, until a wake-up that was sent has made it claim. */
  wakes(): Promise<void>
  /** Lets the simulated time pass, and all that falls due in it be done. */
  pass(ms: number): Promise<void>
  /** Lets the simulated time pass until it is so. */
  passUntil(condition: () => boolean): Promise<void>
  stop(): Promise<void>
}

/**
 * The classifier as it is composed and run, on simulated time (vi.useFakeTimers), in front of lanes that take `inferMs` and look
 * at no picture.
 */
export async function startBilledClassifier(
  redis: Redis,
  { lanes, inferMs = 25 }: { lanes: number; inferMs?: number },
): Promise<BilledClassifier> {
  const shutdown = new AbortController()
  let [inFlight, sent] = [0, 0]
  const busy = async (call: () => Promise<unknown>) => {
    inFlight++
    sent++
    return call().finally(() => inFlight--)
  }
  // A subscription lasts as long as its connection: the time must not stand still for it.
  const watched = { ...aroundRedis(onSimulatedTime(redis), busy), subscribe: redis.subscribe }
  const events: Record<string, number> = {}
  const count = (event: string) => {
    events[event] = (events[event] ?? 0) + 1
  }
  const log: Log = { ...silentLog, debug: count, info: count }
  const config = readClassifierConfig({
    ...{ UPSTASH_REDIS_REST_URL: "http://unused.test", UPSTASH_REDIS_REST_TOKEN: "unused" },
    LANES: String(lanes),
  })
  const pool = {
    ...createLanes(lanes, inferMs),
    lanes,
    free: lanes,
    models: [MODEL],
    held: [],
    setModels: () => undefined,
  }
  const models = { served: [], broken: [], watch: async () => undefined }
  const running = runClassifier(await composeClassifier(config, { redis: watched, pool, models, log }), shutdown.signal)
  // Whatever was sent is answered, and whoever waited for the answer has gone on, before the time does.
  const settle = async () => {
    for (let quiet = 0; quiet < 5; quiet = inFlight === 0 ? quiet + 1 : 0) await new Promise(setImmediate)
  }
  const passUntil = async (condition: () => boolean, untilMs = Number.POSITIVE_INFINITY) => {
    for (await settle(); !condition(); await settle()) {
      const nextMs = Math.min(untilMs - Date.now(), 10)
      await (vi.getTimerCount() > 0 ? vi.advanceTimersToNextTimerAsync() : vi.advanceTimersByTimeAsync(nextMs))
    }
  }
  await passUntil(() => events["wakeup.connected"] !== undefined)
  await settle()
  return {
    done: () => events["job.completed"] ?? 0,
    async wakes() {
      for (const before = sent; sent === before; ) await new Promise(setImmediate)
    },
    pass: async (ms) => {
      const endMs = Date.now() + ms
      // A timer of our own, so that the time stops there and not at whatever comes later.
      const end = sleep(ms, shutdown.signal)
      await passUntil(() => Date.now() >= endMs)
      await end
    },
    passUntil,
    async stop() {
      shutdown.abort()
      let hasStopped = false
      const stopped = running.then(() => {
        hasStopped = true
      })
      await passUntil(() => hasStopped)
      await stopped
    },
  }
}

/** Redis knows nothing of the simulated time: TIME is asked and billed, and answered by it. */
function onSimulatedTime(redis: Redis): Redis {
  const time = async (): Promise<[number, number]> => {
    await redis.time()
    return [Math.floor(Date.now() / 1_000), (Date.now() % 1_000) * 1_000]
  }
  return { ...redis, time }
}

/** So many jobs at a time, each for `inferMs`. */
function createLanes(lanes: number, inferMs: number) {
  const free: Promise<unknown>[] = Array.from({ length: lanes }, () => Promise.resolve())
  let turn = 0
  return {
    async run() {
      const lane = turn++ % lanes
      const work = (free[lane] ?? Promise.resolve()).then(() => sleep(inferMs))
      free[lane] = work
      await work
      return {
        modelVersion: "1",
        predictions: [{ label: "red", probability: 1, classIndex: 0 }],
        image: { format: "png", width: 8, height: 8, orientation: 1 },
        timingsMs: { decode: 0, infer: inferMs },
      }
    },
  }
}

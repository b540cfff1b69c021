import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import { JobStore } from "../../../src/lib/queue/job-store.ts"
import { createKeys } from "../../../src/lib/redis/keys.ts"
import { connectRest } from "../../../src/lib/redis/rest.ts"
import { flatPng } from "../../support/images/images.ts"
import { newRoot, writeTinyModel } from "../../support/models/tiny-model.ts"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../support/redis/redis-server.ts"
import { jobOf } from "../../support/store/store-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../../support/store/store-limits.ts"

const DIST = new URL("../../../dist/", import.meta.url)

let server: TestRedis
let gateway: TestGateway
let store: JobStore
let main: string
const running: ChildProcess[] = []

beforeAll(() => {
  main = frailClassifier()
})
beforeEach(async () => {
  server = await startRedis()
  gateway = await startGateway({ redisUrl: server.url })
  store = new JobStore(
    connectRest({ url: gateway.url, token: gateway.token, timeoutMs: 20_000 }),
    createKeys(),
    DEFAULT_STORE_LIMITS,
  )
})
afterEach(async () => {
  for (const child of running.splice(0)) child.kill("SIGKILL")
  await gateway.close()
  await server.stop()
})

/**
 * The real classifier, but for three words that a picture may begin with: libvips reads a pipe that nobody writes ("stick"),
 * memory grows for ever ("grow"), nothing happens ("wait").
 */
function frailClassifier(): string {
  const folder = newRoot()
  const pipe = join(folder, "pipe")
  execFileSync("mkfifo", [pipe])
  const lane = join(folder, "lane.mjs")
  const sharp = import.meta.resolve("sharp")
  writeFileSync(
    lane,
    `import { parentPort } from "node:worker_threads"
    import sharp from ${JSON.stringify(sharp)}
    const held = []
    parentPort.addEventListener("message", (event) => {
      const { job } = event.data
      const word = job ? String.fromCharCode(...job.bytes.subarray(0, 5)).trim() : ""
      if (!["stick", "grow", "wait"].includes(word)) return
      event.stopImmediatePropagation()
      if (word === "stick") sharp(${JSON.stringify(pipe)}).toBuffer()
      if (word === "grow") setInterval(() => held.push(Buffer.alloc(8e6, 1)), 10)
    })
    await import(${JSON.stringify(new URL("classifier/lane/lane-thread.js", DIST).href)})`,
  )
  const from = (path: string) => JSON.stringify(new URL(path, DIST).href)
  const entry = join(folder, "classifier.mjs")
  writeFileSync(
    entry,
    `import { pathToFileURL } from "node:url"
    import { serve } from ${from("classifier/classifier.js")}
    import { readClassifierConfig } from ${from("classifier/config.js")}
    import { createLog } from ${from("lib/log.js")}
    const log = createLog({ server: "", script: "", write: (line) => process.stdout.write(line + "\\n"), level: "debug" })
    const config = readClassifierConfig(process.env)
    const laneEntry = pathToFileURL(${JSON.stringify(lane)})
    await serve(config, { modelRoots: config.CLAIMCHECK_MODELS, log, signal: new AbortController().signal, laneEntry })`,
  )
  return entry
}

function start(change: Record<string, string>) {
  const env = {
    UPSTASH_REDIS_REST_URL: gateway.url,
    UPSTASH_REDIS_REST_TOKEN: gateway.token,
    CLAIMCHECK_MODELS: writeTinyModel("tiny"),
    HEALTH_PORT: "0",
    ...change,
  }
  const child = spawn(process.execPath, [main], { env, stdio: ["ignore", "pipe", "inherit"] })
  running.push(child)
  const events: Record<string, unknown>[] = []
  createInterface({ input: child.stdout }).on("line", (line) => void events.push(JSON.parse(line)))
  return { events, exit: once(child, "exit") }
}

async function send(id: string, bytes: Uint8Array = Buffer.from(id.padEnd(5))): Promise<void> {
  const nowMs = Date.now()
  const times = { createdMs: nowMs, deadlineMs: nowMs + 600_000 }
  const job = jobOf(id, { model: "tiny", bytes: bytes.length, ...times })
  await store.putPayload(String(job.payloadId), bytes)
  await store.enqueue(job)
}

/** Four processes start here, one after the other: on a busy machine that takes its time. */
const PATIENCE_MS = 180_000
const isIn = (id: string, state: string) =>
  expect.poll(async () => (await store.read(id))?.state, { timeout: PATIENCE_MS, interval: 10 }).toBe(state)
const isInLane = (id: string) => isIn(id, "processing")

test(
  "a lane stuck in native code ends its process: its job is tried once more, alone, and what waited behind it was never begun",
  async () => {
    await send("stick")
    const first = start({ LANES: "1", JOB_TIMEOUT_MS: "500" })
    await isInLane("stick")
    await send("red", flatPng([220, 20, 20]))
    expect(await first.exit).toEqual([null, "SIGKILL"])
    expect(first.events.map(({ event }) => event)).toContain("lane.stuck")
    expect(await store.read("stick")).toMatchObject({ state: "queued", attempts: 1, maxAttempts: 2, alone: true })
    expect(await store.read("red")).toMatchObject({ state: "queued", attempts: 0 })
    expect(await store.read("red")).not.toHaveProperty("alone")

    await store.cancel("stick", Date.now())
    start({ LANES: "1" })
    await isIn("red", "succeeded")
    expect(await store.read("red")).toMatchObject({ attempts: 1 })
  },
  PATIENCE_MS,
)

test(
  "memory past the limit ends the process: whose it is shows when it is alone, and no other job's attempt counts",
  async () => {
    const settings = { LANES: "2", CLASSIFIER_MEMORY_MB: "450" }
    await send("wait")
    await send("grow")
    const first = start(settings)
    await Promise.all(["wait", "grow"].map(isInLane))
    await send("red", flatPng([220, 20, 20]))
    expect(await first.exit).toEqual([null, "SIGKILL"])
    expect(first.events.find(({ event }) => event === "classifier.over_memory")).toMatchObject({ busy: 2, maxMb: 450 })
    for (const id of ["wait", "grow"]) {
      expect(await store.read(id)).toMatchObject({ state: "queued", attempts: 0, maxAttempts: 3, alone: true })
    }
    expect(await store.read("red")).toMatchObject({ state: "queued", attempts: 0 })

    await store.cancel("wait", Date.now())
    const second = start(settings)
    expect(await second.exit).toEqual([null, "SIGKILL"])
    expect(await store.read("grow")).toMatchObject({ state: "queued", attempts: 1, maxAttempts: 2, alone: true })
    expect(await store.read("red")).toMatchObject({ attempts: 0 })

    await store.cancel("grow", Date.now())
    start(settings)
    await isIn("red", "succeeded")
  },
  PATIENCE_MS,
)

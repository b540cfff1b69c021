import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest"
import { LanePool, type LanePoolOptions } from "../../../../src/classifier/lane/lane-pool.ts"
import { inspectModels } from "../../../../src/classifier/lane/model-inspector.ts"
import { findModels } from "../../../../src/classifier/models/find-models.ts"
import type { ServedFolder } from "../../../../src/classifier/models/served-folder.ts"
import { createLog, silentLog } from "../../../../src/lib/log.ts"
import { flatJpeg, flatPng, withOrientation } from "../../../support/images/images.ts"
import { newRoot, writeTinyModel } from "../../../support/models/tiny-model.ts"

const ENTRY = new URL("../../../../dist/classifier/lane/lane-thread.js", import.meta.url)
const RED = [220, 20, 20] as const

const pools: LanePool[] = []
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()))
})

let tiny: readonly ServedFolder[]
/** One lane, for tests that leave it as they find it: each that starts loads TF.js. */
let shared: LanePool
beforeAll(async () => {
  const folders = findModels([writeTinyModel("tiny")], silentLog)
  tiny = (await inspectModels(folders, { entry: ENTRY, copyTo: null })).served
  shared = await openPool()
})
afterAll(() => shared?.close())

async function startPool(options: Partial<LanePoolOptions> = {}): Promise<LanePool> {
  const pool = await openPool(options)
  pools.push(pool)
  return pool
}

function openPool(options: Partial<LanePoolOptions> = {}): Promise<LanePool> {
  return LanePool.start({
    lanes: 1,
    ...(options.modelFolders === undefined && { models: tiny }),
    limits: { maxPixels: 50_000_000, maxSidePx: 65_535, maxBytes: 8_000_000 },
    jobTimeoutMs: 20_000,
    log: silentLog,
    entry: ENTRY,
    ...options,
  })
}

/** The real thread, but for two words: bytes that begin with "die" end it, with "hang" they hold it for ever. */
function frailEntry(): URL {
  const file = join(newRoot(), "frail-lane-thread.mjs")
  const source = `
    import { parentPort } from "node:worker_threads"
    parentPort.addEventListener("message", (event) => {
      const { job } = event.data
      const word = job ? String.fromCharCode(...job.bytes.subarray(0, 5)) : ""
      if (word.startsWith("die")) process.exit(3)
      if (word.startsWith("throw")) {
        event.stopImmediatePropagation()
        throw new Error("nobody catches this")
      }
      if (word.startsWith("eat")) { const food = []; for (;;) food.push(Array.from({ length: 1e5 }, () => ({}))) }
      while (word.startsWith("hang")) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
    })
    await import(${JSON.stringify(ENTRY.href)})`
  writeFileSync(file, source)
  return pathToFileURL(file)
}

const words = (text: string) => new TextEncoder().encode(text)
const redJob = () => ({ modelId: "tiny", bytes: flatJpeg(RED), operation: { name: "classify", topK: 2 } as const })

describe("LanePool.run()", () => {
  test("gives the best classes first, with what was seen of the image", async () => {
    const job = {
      modelId: "tiny",
      bytes: withOrientation(flatJpeg(RED, { width: 40, height: 20 }), 6),
      operation: { name: "classify", topK: 2 } as const,
    }
    const result = await shared.run(job)
    expect(result.modelVersion).toBe(shared.models[0]?.version)
    expect(result.predictions).toHaveLength(2)
    expect(result.predictions?.[0]).toMatchObject({ label: "red", classIndex: 0 })
    expect(result.predictions?.[0]?.probability).toBeGreaterThan(0.99)
    expect(result.image).toEqual({ format: "jpeg", width: 20, height: 40, orientation: 6 })
    expect(result.timingsMs.decode).toBeGreaterThan(0)
    expect(result.timingsMs.infer).toBeGreaterThan(0)
  })

  test("takes the bytes over without a copy, but leaves a larger buffer whole", async () => {
    const own = new Uint8Array(flatPng(RED))
    await shared.run({ modelId: "tiny", bytes: own, operation: { name: "classify", topK: 1 } as const })
    expect(own.byteLength).toBe(0)

    const larger = Buffer.concat([flatPng(RED), Buffer.from("neighbour")])
    await shared.run({
      modelId: "tiny",
      bytes: larger.subarray(0, -9),
      operation: { name: "classify", topK: 1 } as const,
    })
    expect(larger.subarray(-9).toString()).toBe("neighbour")
  })

  test("rejects bytes that were handed over before, and goes on with those that wait", async () => {
    const job = {
      modelId: "tiny",
      bytes: new Uint8Array(flatPng(RED)),
      operation: { name: "classify", topK: 1 } as const,
    }
    const [again, third] = [shared.run(job).then(() => shared.run(job)), shared.run(redJob())]
    await expect(again).rejects.toThrow("detached")
    expect((await third).predictions?.[0]?.label).toBe("red")
  })

  test("refuses bad input by its code, and goes on", async () => {
    const pool = await startPool({ limits: { maxPixels: 2000, maxSidePx: 65_535, maxBytes: 2000 } })
    const codeOf = (job: object) =>
      pool.run({ ...redJob(), ...job }).then(
        () => "done",
        (error) => error.code,
      )
    expect(await codeOf({ bytes: words("hello there") })).toBe("unsupported_image")
    expect(await codeOf({ bytes: new Uint8Array() })).toBe("empty_body")
    expect(await codeOf({ bytes: flatJpeg(RED).slice(0, -40) })).toBe("invalid_image")
    expect(await codeOf({ bytes: flatJpeg(RED, { width: 64, height: 64 }) })).toBe("too_many_pixels")
    const long = flatPng(RED, { width: 70_000, height: 1 }).slice(0, 1_000)
    expect(await codeOf({ bytes: long.slice() })).toBe("side_too_long")
    expect(await codeOf({ bytes: long, modelId: undefined, operation: { name: "inspect" } })).toBe("side_too_long")
    expect(await codeOf({ bytes: new Uint8Array(3000) })).toBe("image_too_large")
    expect(await codeOf({ modelId: "other" })).toBe("unknown_model")
    expect(await codeOf({})).toBe("done")
  })

  test("shares more jobs than lanes, and counts the free ones", async () => {
    const pool = await startPool({ lanes: 2 })
    expect([pool.lanes, pool.free]).toEqual([2, 2])
    const running = Array.from({ length: 20 }, () => pool.run(redJob()))
    expect(pool.free).toBe(0)
    expect((await Promise.all(running)).every(({ predictions }) => predictions?.[0]?.label === "red")).toBe(true)
    expect(pool.free).toBe(2)
  })

  test("lets background work wait for the rest, but not for ever", async () => {
    const pool = await startPool()
    const order: string[] = []
    const run = (name: string, isBackground: boolean) =>
      pool.run(redJob(), { isBackground }).then(() => void order.push(name))
    const first = run("first", false)
    await Promise.all([
      first,
      ...["b1", "b2"].map((name) => run(name, true)),
      ...["1", "2", "3", "4", "5"].map((name) => run(name, false)),
    ])
    expect(order).toEqual(["first", "1", "2", "b1", "3", "4", "5", "b2"])
  })

  test("refuses a job past its bound of waiting ones", async () => {
    const pool = await startPool({ maxWaiting: 1 })
    const running = [pool.run(redJob()), pool.run(redJob())]
    await expect(pool.run(redJob())).rejects.toThrow("1 jobs waiting")
    await Promise.all(running)
  })

  test("keeps memory flat over 1,000 jobs", async () => {
    const jpeg = flatJpeg(RED)
    const runMany = async (count: number) => {
      for (let job = 0; job < count; job++)
        await shared.run({ modelId: "tiny", bytes: jpeg.slice(), operation: { name: "classify", topK: 1 } as const })
      return (await shared.stats())[0]
    }
    const [before, after] = [await runMany(100), await runMany(1000)]
    expect(after).toMatchObject({ tensors: before?.tensors, tensorBytes: before?.tensorBytes })
    // 12 KB of input and output a job would be 12 MB by now.
    expect((after?.externalBytes ?? 0) - (before?.externalBytes ?? 0)).toBeLessThan(4_000_000)
  })
})

describe("LanePool.run() with a signal", () => {
  test("rejects with the signal's reason: before, while waiting, and at work", async () => {
    const reason = new Error("canceled by its owner")
    const atWork = new AbortController()
    const waiting = new AbortController()
    const large = {
      modelId: "tiny",
      bytes: flatJpeg(RED, { width: 3000, height: 2000 }),
      operation: { name: "classify", topK: 1 } as const,
    }

    await expect(shared.run(redJob(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const first = shared.run(large, { signal: atWork.signal })
    const second = shared.run(redJob(), { signal: waiting.signal })
    const third = shared.run(redJob())
    waiting.abort(reason)
    await expect(second).rejects.toBe(reason)
    atWork.abort(reason)
    await expect(first).rejects.toBe(reason)
    expect((await third).predictions?.[0]?.label).toBe("red")
    expect(shared.free).toBe(1)
  })

  test("an abort after the end changes nothing", async () => {
    const controller = new AbortController()
    await shared.run(redJob(), { signal: controller.signal })
    controller.abort()
    expect((await shared.run(redJob())).predictions?.[0]?.label).toBe("red")
  })
})

describe("a lane that fails", () => {
  test.each(["die", "throw", "eat"])("dies of %s: its job is told so, and it is replaced", async (word) => {
    const pool = await startPool({ entry: frailEntry(), maxHeapMb: 64 })
    const doomed = pool.run({
      modelId: "tiny",
      bytes: words(word),
      operation: { name: "classify", topK: 1 } as const,
    })
    const next = pool.run(redJob())
    await expect(doomed).rejects.toMatchObject({ name: "LaneCrash" })
    expect((await next).predictions?.[0]?.label).toBe("red")
    expect(pool.free).toBe(1)
  })

  test("hangs: its job times out, and it is replaced", async () => {
    const pool = await startPool({ entry: frailEntry(), jobTimeoutMs: 1500 })
    const hanging = pool.run({
      modelId: "tiny",
      bytes: words("hang"),
      operation: { name: "classify", topK: 1 } as const,
    })
    const next = pool.run(redJob())
    await expect(hanging).rejects.toMatchObject({ name: "AppError", code: "job_timeout" })
    expect((await next).predictions?.[0]?.label).toBe("red")
  })

  test("holds up no other lane", async () => {
    const pool = await startPool({ lanes: 2, entry: frailEntry(), jobTimeoutMs: 5000 })
    let isHanging = true
    const hanging = pool
      .run({ modelId: "tiny", bytes: words("hang"), operation: { name: "classify", topK: 1 } as const })
      .catch(() => {
        isHanging = false
      })
    for (let job = 0; job < 10; job++) expect((await pool.run(redJob())).predictions?.[0]?.label).toBe("red")
    expect(isHanging).toBe(true)
    await hanging
    await vi.waitFor(() => expect(pool.free).toBe(2), { timeout: 10_000 })
  })
})

describe("LanePool.start()", () => {
  test("leaves a broken model out, says why, and serves the others", async () => {
    const root = writeTinyModel("good")
    writeTinyModel("graph", { kind: "graph" }, root)
    writeTinyModel("few-labels", { labels: ["a"] }, root)
    writeTinyModel("no-shard", { withoutShard: true }, root)
    const lines: string[] = []
    const log = createLog({ server: "test", script: "test", write: (line) => lines.push(line) })
    const pool = await startPool({ lanes: 2, modelFolders: findModels([root], log), log })
    expect(pool.models.map(({ id }) => id)).toEqual(["good", "graph"])
    const broken = lines.map((line) => JSON.parse(line)).filter(({ event }) => event === "model.broken")
    expect(broken.map(({ model, code }) => [model, code])).toEqual([
      ["few-labels", "labels_count"],
      ["no-shard", "missing_file"],
    ])
    expect((await pool.run({ ...redJob(), modelId: "graph" })).predictions?.[0]?.label).toBe("red")
  })

  test("throws when no model loads", async () => {
    const modelFolders = findModels([writeTinyModel("bad", { labels: [] })], silentLog)
    await expect(startPool({ modelFolders })).rejects.toThrow(/No model could be loaded: bad: labels.txt/)
    await expect(startPool({ modelFolders: [] })).rejects.toThrow("no model folder was found")
  })

  test("throws when a lane cannot start", async () => {
    await expect(startPool({ entry: new URL("./no-such-thread.js", import.meta.url) })).rejects.toMatchObject({
      name: "LaneCrash",
    })
    const modelFolders = findModels([writeTinyModel("tiny")], silentLog)
    await expect(startPool({ modelFolders, entry: new URL("./no-such-thread.js", import.meta.url) })).rejects.toThrow(
      "thread that checks models cannot start",
    )
  })
})

test("LanePool.close() lets the job in hand end, and takes no other", async () => {
  const pool = await startPool()
  const [first, waiting] = [pool.run(redJob()), pool.run(redJob())]
  const outcome = Promise.allSettled([first, waiting])
  await pool.close()
  expect((await outcome).map(({ status }) => status)).toEqual(["fulfilled", "rejected"])
  await expect(pool.run(redJob())).rejects.toThrow("closed")
  expect(pool.free).toBe(0)
})

// Milliseconds per picture: the bare loop beside the lane pool, in turns, so that a busy machine is busy for both.
//   npm run build && node bench/lane.mjs ../shared/images/imagenet [rounds]
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import { LanePool } from "../dist/classifier/lane/lane-pool.js"
import { findModels } from "../dist/classifier/models/find-models.js"
import { silentLog } from "../dist/lib/log.js"

const [folder = "../shared/images/imagenet", roundsText = "3"] = process.argv.slice(2)
const rounds = Number(roundsText)
const limits = { maxPixels: 50e6, maxSidePx: 65_535, maxBytes: 8e6, maxDecodeBytes: 600e6, maxDecodeMs: 60_000 }
const pictures = readdirSync(folder)
  .filter((name) => /\.jpe?g$/i.test(name))
  .map((name) => new Uint8Array(readFileSync(join(folder, name))))
const modelFolders = findModels([new URL("../models", import.meta.url).pathname, "../shared/models"], silentLog)
const print = (line) => process.stdout.write(`${line}\n`)

print(
  `${pictures.length} pictures × ${rounds}, best round, ms per picture: wall × lanes, CPU (all threads), decode, infer`,
)
for (const modelFolder of modelFolders) {
  for (const lanes of [1, 2]) {
    const bare = await startBare(lanes, modelFolder)
    const pool = await LanePool.start({
      lanes,
      modelFolders: [modelFolder],
      codec: process.env.CODEC ?? "native",
      limits,
      jobTimeoutMs: 60_000,
      log: silentLog,
    })
    const seen = { bare: [], pool: [] }
    await runBare(bare, 1)
    await runPool(pool, lanes)
    for (let round = 0; round < rounds; round++) {
      seen.bare.push(await measure(lanes, () => runBare(bare, 1)))
      seen.pool.push(await measure(lanes, () => runPool(pool, lanes)))
    }
    for (const [name, runs] of Object.entries(seen)) print(describe(`${modelFolder.id} ${lanes} × ${name}`, runs))
    const [cpu, wall] = ["cpu", "wall"].map((key) => best(seen.bare, key) / best(seen.pool, key))
    print(`  pool ÷ bare, throughput: ${wall.toFixed(3)} by wall, ${cpu.toFixed(3)} by CPU`)
    await pool.close()
    await Promise.all(bare.map((worker) => worker.terminate()))
  }
}

async function startBare(lanes, modelFolder) {
  const workerData = { modelFolder, pictures, limits }
  const workers = Array.from(
    { length: lanes },
    () => new Worker(new URL("./bare-loop.mjs", import.meta.url), { workerData }),
  )
  await Promise.all(workers.map((worker) => once(worker, "message")))
  return workers
}

async function runBare(workers, times) {
  const answers = workers.map((worker) => once(worker, "message"))
  for (const worker of workers) worker.postMessage(times)
  return (await Promise.all(answers)).map(([timingsMs]) => timingsMs)
}

/** As many pictures as the bare loops do: each of `lanes` threads does all of them. */
async function runPool(pool, lanes) {
  const [modelId] = pool.models.map(({ id }) => id)
  const queue = Array.from({ length: lanes }, () => pictures).flat()
  const timingsMs = []
  const feed = async () => {
    for (let bytes = queue.shift(); bytes; bytes = queue.shift()) {
      timingsMs.push(
        (await pool.run({ modelId, bytes: bytes.slice(), operation: { name: "classify", topK: 5 } })).timingsMs,
      )
    }
  }
  await Promise.all(Array.from({ length: lanes + 1 }, feed))
  return timingsMs
}

async function measure(lanes, run) {
  const [start, cpuStart] = [performance.now(), process.cpuUsage()]
  const timingsMs = await run()
  const { user, system } = process.cpuUsage(cpuStart)
  const count = pictures.length * lanes
  const sum = (stage) => timingsMs.reduce((total, timing) => total + timing[stage], 0)
  const wall = ((performance.now() - start) * lanes) / count
  return { wall, cpu: (user + system) / 1000 / count, decode: sum("decode") / count, infer: sum("infer") / count }
}

/** The best round: what else runs on the machine can only add to it. */
function best(runs, key) {
  return Math.min(...runs.map((run) => run[key]))
}

function describe(name, runs) {
  return `${name.padEnd(32)} ${["wall", "cpu", "decode", "infer"].map((key) => `${key} ${best(runs, key).toFixed(1).padStart(6)}`).join("  ")}`
}

// One contender in a process of its own, so that its memory and CPU time are its own. Options as JSON in argv; result as JSON.
//   { contender: "lane" | "lane portable" | "ort-node" | "ort-web", folder, threads, seconds, onnx }
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const { contender, folder, threads, seconds, onnx } = JSON.parse(process.argv[2])
const pictures = readdirSync(folder).map((name) => new Uint8Array(readFileSync(join(folder, name))))

async function startLanes(codec) {
  const { LanePool } = await import("../../dist/classifier/lane/lane-pool.js")
  const { openCodec } = await import("../../dist/classifier/image/open-codec.js")
  const { silentLog } = await import("../../dist/lib/log.js")
  const id = "efficientnet_lite0"
  const modelFolder = { id, folder: fileURLToPath(new URL(`../../models/${id}`, import.meta.url)) }
  const pool = await LanePool.start({
    lanes: threads,
    codec: (await openCodec(codec, silentLog)).name,
    modelFolders: [modelFolder],
    limits: { maxPixels: 50e6, maxSidePx: 65_535, maxBytes: 32e6 },
    jobTimeoutMs: 60_000,
    log: silentLog,
  })
  return {
    // A lane takes the bytes away with it.
    classify: async (bytes) => {
      const { predictions } = await pool.run({
        modelId: id,
        bytes: bytes.slice(),
        operation: { name: "classify", topK: 1 },
      })
      return predictions[0].classIndex
    },
    close: () => pool.close(),
  }
}

async function startOrt(runtime) {
  const { startThreads } = await import("./threads.mjs")
  return startThreads("./ort-thread.mjs", { threads, workerData: { runtime, onnx } })
}

const START = {
  lane: () => startLanes("native"),
  "lane portable": () => startLanes("portable"),
  "ort-node": () => startOrt("node"),
  "ort-web": () => startOrt("web"),
}

const { classify, close } = await START[contender]()
const answers = []
for (const bytes of pictures) answers.push(await classify(bytes))

const latenciesMs = []
const [startMs, cpuStart] = [performance.now(), process.cpuUsage()]
const endMs = startMs + seconds * 1_000
let next = 0
// One picture more than threads: none waits for its feeder.
await Promise.all(
  Array.from({ length: threads + 1 }, async () => {
    while (performance.now() < endMs) {
      const sentMs = performance.now()
      await classify(pictures[next++ % pictures.length])
      latenciesMs.push(performance.now() - sentMs)
    }
  }),
)
const wallMs = performance.now() - startMs
const { user, system } = process.cpuUsage(cpuStart)
await close()
latenciesMs.sort((a, b) => a - b)
const at = (share) => latenciesMs[Math.floor((latenciesMs.length - 1) * share)]
const result = {
  perSecond: (latenciesMs.length * 1_000) / wallMs,
  p50Ms: at(0.5),
  p99Ms: at(0.99),
  cpuMs: (user + system) / 1_000 / latenciesMs.length,
  peakMb: process.resourceUsage().maxRSS / 1_024,
  answers,
}
process.stdout.write(`${JSON.stringify(result)}\n`)
process.exit(0)

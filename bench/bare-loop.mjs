// Decode and infer in a bare loop, on a thread of its own: the least that a classifier can cost. After `npm run build`.
import { parentPort, workerData } from "node:worker_threads"
import { Engine } from "../dist/classifier/engine/engine.js"
import { openCodec } from "../dist/classifier/image/open-codec.js"
import { classify } from "../dist/classifier/operations/classify.js"

const { modelFolder, pictures, limits } = workerData
const engine = await Engine.start("wasm")
const model = await engine.open(modelFolder.id, { folder: modelFolder.folder, hasPlan: false })
const codec = await openCodec(process.env.CODEC ?? "native")
const context = { model, codec, limits, isStopped: () => false, nowMs: () => performance.now() }

parentPort.on("message", async (rounds) => {
  const timingsMs = { decode: 0, infer: 0 }
  for (let round = 0; round < rounds; round++) {
    for (const bytes of pictures) {
      const result = await classify({ operation: { name: "classify", topK: 5 }, bytes }, context)
      timingsMs.decode += result.timingsMs.decode
      timingsMs.infer += result.timingsMs.infer
    }
  }
  parentPort.postMessage(timingsMs)
})
parentPort.postMessage("ready")

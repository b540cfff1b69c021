// Answers of one lane without and with revectorized WASM, as JSON; run with the Node that is to be tested, after a build.
import { readFileSync } from "node:fs"
import { revectorize } from "../../../dist/classifier/engine/revectorize.js"
import { LanePool } from "../../../dist/classifier/lane/lane-pool.js"
import { findModels } from "../../../dist/classifier/models/find-models.js"
import { silentLog } from "../../../dist/lib/log.js"

const [root, picture] = process.argv.slice(2)
const before = await answer()
const isOn = await revectorize(silentLog)
const after = await answer()
process.stdout.write(JSON.stringify({ isOn, before, after }))

async function answer() {
  const limits = { maxPixels: 50e6, maxSidePx: 65_535, maxBytes: 8e6 }
  const modelFolders = findModels([root], silentLog)
  const pool = await LanePool.start({ lanes: 1, modelFolders, limits, jobTimeoutMs: 60_000, log: silentLog })
  const cpuMs = []
  let predictions
  for (let run = 0; run < 15; run++) {
    const bytes = new Uint8Array(readFileSync(picture))
    const operation = { name: "classify", topK: 5 }
    const result = await pool.run({ modelId: pool.models[0].id, bytes, operation })
    predictions = result.predictions
    cpuMs.push(result.timingsMs.infer)
  }
  await pool.close()
  return { predictions, inferMs: Math.min(...cpuMs) }
}

// One real lane in a process of its own, which says what each job took: CPU of all threads, and the peak of its memory above idle.
import { readFileSync, writeFileSync } from "node:fs"
import { LanePool } from "../../../dist/classifier/lane/lane-pool.js"
import { findModels } from "../../../dist/classifier/models/find-models.js"
import { silentLog } from "../../../dist/lib/log.js"

const { limits, codec } = JSON.parse(process.argv[2])
const modelFolders = findModels([new URL("../../../models", import.meta.url).pathname], silentLog)
const pool = await LanePool.start({ lanes: 1, modelFolders, codec, limits, jobTimeoutMs: 60_000, log: silentLog })
const inMb = (name) =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024
const idleMb = inMb("VmRSS")

process.on("message", async ({ bytes, operation }) => {
  // The kernel's mark of the highest is put back to what is held now (proc(5), clear_refs).
  writeFileSync("/proc/self/clear_refs", "5")
  const before = process.cpuUsage()
  const modelId = operation.name === "classify" ? pool.models[0].id : undefined
  const code = await pool.run({ bytes, operation, ...(modelId && { modelId }) }).then(
    () => "done",
    (error) => error.code ?? String(error),
  )
  const { user, system } = process.cpuUsage(before)
  process.send({ code, cpuS: (user + system) / 1e6, peakMb: inMb("VmHWM") - idleMb })
})
// Whoever asked is gone.
process.on("disconnect", () => process.exit())
process.send("ready")

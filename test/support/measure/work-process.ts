import { readFileSync, writeFileSync } from "node:fs"
import { openCodec } from "../../../src/classifier/image/open-codec.ts"
import type { ServingModel } from "../../../src/classifier/models/load-model.ts"
import { runOperation } from "../../../src/classifier/operations/run-operation.ts"
import type { WorkContext } from "../../../src/classifier/operations/work.ts"
import { AppError } from "../../../src/lib/app-error.ts"
import { flatJpeg } from "../images.ts"
import type { MeasuredWork, WorkToMeasure } from "./measure-work.ts"

// One job, as a lane runs it, in a process of its own. Linux alone tells a peak that can be reset.

const { file, operation, codec: codecName, limits } = JSON.parse(process.argv[2] ?? "") as WorkToMeasure
const manifest = { input: { mean: 0, std: 1 }, resize: { fit: "crop", crop_fraction: 0.875 } }
/** All that classify does but the network, which takes what it takes whatever the picture. */
const model = {
  info: { inputWidth: 224, inputHeight: 224, version: "1" },
  manifest,
  input: new Float32Array(224 * 224 * 3),
  labels: () => ["one", "other"],
  predict: () => Float32Array.of(0.5, 0.5),
} as unknown as ServingModel
const context: WorkContext = {
  model,
  codec: await openCodec(codecName),
  limits,
  isStopped: () => false,
  nowMs: () => performance.now(),
}

const kilobytes = (name: string) =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "latin1"))?.[1])

const run = (bytes: Uint8Array) =>
  runOperation({ operation, bytes }, context).then(
    () => ({ code: "done", message: "" }),
    (error: unknown) => {
      if (error instanceof AppError) return { code: error.code, message: error.message }
      throw error
    },
  )

async function measure(bytes: Uint8Array): Promise<MeasuredWork> {
  globalThis.gc?.()
  // 5 sets the peak back to what is held now (proc(5)).
  writeFileSync("/proc/self/clear_refs", "5")
  const beforeKb = kilobytes("VmRSS")
  const cpu = process.cpuUsage()
  const end = await run(bytes)
  const { user, system } = process.cpuUsage(cpu)
  return { ...end, peakBytes: (kilobytes("VmHWM") - beforeKb) * 1024, cpuMs: (user + system) / 1_000 }
}

// Libraries and compiled code are there before the first picture of a lane that is at work.
await run(flatJpeg([1, 2, 3]))
process.stdout.write(`${JSON.stringify(await measure(new Uint8Array(readFileSync(file))))}\n`)

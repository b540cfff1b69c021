import { readFileSync, writeFileSync } from "node:fs"
import type { ServingModel } from "../../../src/classifier/engine/serving-model.ts"
import { openCodec } from "../../../src/classifier/image/open-codec.ts"
import { runOperation } from "../../../src/classifier/operations/run-operation.ts"
import type { WorkContext } from "../../../src/classifier/operations/work.ts"
import { AppError } from "../../../src/lib/app-error.ts"
import { flatJpeg } from "../images/images.ts"
import type { MeasuredWork, WorkToMeasure } from "./measure-work.ts"

// Jobs one after the other, as a lane runs them, in a process of their own. Linux alone tells a peak that can be set back.

const works = JSON.parse(process.argv[2] ?? "[]") as WorkToMeasure[]
/** All that classify does but the network, which takes what it takes whatever the picture. */
const model = {
  info: { inputWidth: 224, inputHeight: 224, version: "1" },
  manifest: { input: { mean: 0, std: 1 }, resize: { fit: "crop", crop_fraction: 0.875 } },
  input: new Float32Array(224 * 224 * 3),
  labels: () => ["one", "other"],
  predict: () => Float32Array.of(0.5, 0.5),
} as unknown as ServingModel

async function run(bytes: Uint8Array, { operation, codec, limits }: Omit<WorkToMeasure, "file">) {
  const nowMs = () => performance.now()
  const context: WorkContext = { model, codec: await openCodec(codec), limits, isStopped: () => false, nowMs }
  try {
    await runOperation({ operation, bytes }, context)
    return { code: "done", message: "" }
  } catch (error) {
    if (error instanceof AppError) return { code: error.code, message: error.message }
    throw error
  }
}

const kilobytes = (name: string) =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "latin1"))?.[1])

/** What the process has between jobs, at the least that was seen: what it gives back later was no part of it. */
let idleKb = Number.POSITIVE_INFINITY

async function measure(work: WorkToMeasure): Promise<MeasuredWork> {
  const bytes = new Uint8Array(readFileSync(work.file))
  // The product itself says what it reckons with, when it may take next to nothing.
  const { message } = await run(bytes, { ...work, limits: { ...work.limits, maxDecodeBytes: 1 } })
  const estimate = /needs (\d+) bytes of memory/.exec(message)?.[1]
  globalThis.gc?.()
  // 5 sets the peak back to what is held now (proc(5)).
  writeFileSync("/proc/self/clear_refs", "5")
  idleKb = Math.min(idleKb, kilobytes("VmRSS"))
  const cpu = process.cpuUsage()
  const { code } = await run(bytes, work)
  const { user, system } = process.cpuUsage(cpu)
  const peakBytes = (kilobytes("VmHWM") - idleKb) * 1024
  return {
    code,
    estimatedBytes: estimate === undefined ? null : Number(estimate),
    peakBytes,
    cpuMs: (user + system) / 1_000,
  }
}

// Libraries and compiled code are there before the first picture of a lane that is at work.
for (const work of works) await run(flatJpeg([1, 2, 3]), work)
for (const work of works) process.stdout.write(`${JSON.stringify(await measure(work))}\n`)

import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { CodecName } from "../../../src/classifier/image/codec.ts"
import type { ImageLimits } from "../../../src/classifier/image/decode-image.ts"
import type { Operation } from "../../../src/lib/operations.ts"

export type WorkToMeasure = { file: string; operation: Operation; codec: CodecName; limits: ImageLimits }

export type MeasuredWork = {
  /** `done`, or the code of the AppError that it ended with. */
  code: string
  message: string
  /** The peak of the process above what it held before. */
  peakBytes: number
  cpuMs: number
}

const PROCESS = fileURLToPath(new URL("work-process.ts", import.meta.url))

/** What one job takes, measured in a process of its own that is set up as `claimcheck start` sets up a classifier. */
export async function measureWork(work: WorkToMeasure): Promise<MeasuredWork> {
  const args = ["--expose-gc", "--max-semi-space-size=4", "--import", "tsx", PROCESS, JSON.stringify(work)]
  const env = { ...process.env, MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "131072" }
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 120_000 })
  return JSON.parse(stdout)
}

/** What the product itself reckons that a job takes: it says so when it may take next to nothing. Null where it counts none. */
export async function estimatedBytes(work: WorkToMeasure): Promise<number | null> {
  const { message } = await measureWork({ ...work, limits: { ...work.limits, maxDecodeBytes: 1 } })
  const bytes = /needs (\d+) bytes of memory/.exec(message)?.[1]
  return bytes === undefined ? null : Number(bytes)
}

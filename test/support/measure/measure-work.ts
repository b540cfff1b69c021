import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { CodecName } from "../../../src/classifier/image/codec.ts"
import type { ImageLimits } from "../../../src/classifier/image/decode-image.ts"
import type { Operation } from "../../../src/lib/operations/operations.ts"

export type WorkToMeasure = { file: string; operation: Operation; codec: CodecName; limits: ImageLimits }

export type MeasuredWork = {
  /** `done`, or the code of the AppError that it ended with. */
  code: string
  /** What the product reckons that the job takes; null where it was refused for something else, or counts nothing. */
  estimatedBytes: number | null
  /** The peak of the process above what it held before its first job. */
  peakBytes: number
  cpuMs: number
}

const PROCESS = fileURLToPath(new URL("work-process.ts", import.meta.url))

/** What jobs take, measured in a process of their own that is set up as `claimcheck start` sets up a classifier. */
export async function measureWork(works: readonly WorkToMeasure[]): Promise<MeasuredWork[]> {
  const args = ["--expose-gc", "--max-semi-space-size=4", "--import", "tsx", PROCESS, JSON.stringify(works)]
  const env = { ...process.env, MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "131072" }
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 300_000 })
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
}

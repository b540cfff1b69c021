import { setFlagsFromString } from "node:v8"
import { Worker } from "node:worker_threads"
import type { Log } from "../../lib/log.ts"

const FLAG = "experimental-wasm-revectorize"
const MAX_DIFFERENCE = 1e-5

/** V8 compiles pairs of 128-bit WASM operations to 256 bits from Node 23.5 on, on x64. */
export function canRevectorize({ arch = process.arch, version = process.versions.node } = {}): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  return arch === "x64" && (major > 23 || (major === 23 && minor >= 5))
}

/**
 * Switches that on for all threads that start from now on, and keeps it on only if a small network answers as it did without. Before any
 * thread compiles TF.js' WASM: threads share what is compiled. @returns whether it is on
 */
export async function revectorize(log: Log): Promise<boolean> {
  if (!canRevectorize()) return false
  const before = await probe()
  setFlagsFromString(`--${FLAG}`)
  const after = await probe().catch(() => Float32Array.of(Number.NaN)) // A crash is a difference, too.
  const difference = largestDifference(before, after)
  if (difference <= MAX_DIFFERENCE) {
    log.info("wasm.revectorized", { difference })
    return true
  }
  setFlagsFromString(`--no-${FLAG}`)
  log.error("wasm.revectorize_refused", { difference })
  return false
}

/** What a small network answers in a thread of its own. */
function probe(): Promise<Float32Array> {
  const thread = new Worker(new URL("./tfjs/probe-thread.js", import.meta.url))
  return new Promise((resolve, reject) => {
    let answer: Float32Array | undefined
    thread.on("message", (scores: Float32Array) => {
      answer = scores
    })
    thread.on("error", reject)
    // Not before its end: what it has compiled goes with it.
    thread.on("exit", () =>
      answer ? resolve(answer) : reject(new Error("The thread that probes WASM gave no answer")),
    )
  })
}

function largestDifference(before: Float32Array, after: Float32Array): number {
  return before.reduce((largest, value, at) => {
    const difference = Math.abs(value - (after[at] ?? Number.NaN))
    // A difference that is no number is as large as can be.
    return difference <= largest ? largest : difference
  }, 0)
}

import { createRequire } from "node:module"
import { ConfigError } from "../../../lib/env.ts"

/** What we use of onnxruntime-node, which is not installed unless a user adds it. */
export type OnnxRuntime = {
  InferenceSession: { create: (model: Uint8Array, options: object) => Promise<OnnxSession> }
  Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => OnnxTensor
}
export type OnnxTensor = { data: unknown; dispose?: () => void }
export type OnnxSession = {
  run: (feeds: Record<string, OnnxTensor>, outputs: readonly string[]) => Promise<Record<string, OnnxTensor>>
  release: () => Promise<void>
}

/**
 * The runtime of the native engine. The main thread loads it before any lane: else its library goes with the first thread that had
 * it, and no later one can load it again. @throws ConfigError that says what to install
 */
export function loadOnnxRuntime(): OnnxRuntime {
  try {
    return createRequire(import.meta.url)("onnxruntime-node")
  } catch (cause) {
    const isMissing = cause instanceof Error && "code" in cause && cause.code === "MODULE_NOT_FOUND"
    const how = "run `npm install onnxruntime-node`, or set ENGINE=wasm"
    const what = isMissing ? "is not installed" : `cannot be loaded (${cause instanceof Error ? cause.message : cause})`
    throw new ConfigError(`Cannot start: ENGINE is native, but the package onnxruntime-node ${what}: ${how}`, { cause })
  }
}

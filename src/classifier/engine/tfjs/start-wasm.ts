import { createRequire } from "node:module"
import { dirname, sep } from "node:path"
import { backend, env, getBackend, memory, setBackend } from "@tensorflow/tfjs"
import { BackendWasm, setWasmPaths } from "@tensorflow/tfjs-backend-wasm"

/** Makes this thread's TF.js compute in WASM (SIMD), with the binary that npm installed: nothing is fetched. */
export function startWasm(): Promise<void> {
  started ??= start()
  return started
}

let started: Promise<void> | undefined

async function start(): Promise<void> {
  const binary = createRequire(import.meta.url).resolve(
    "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
  )
  setWasmPaths(dirname(binary) + sep)
  // The threaded build does not start in Node.
  env().set("WASM_HAS_MULTITHREAD_SUPPORT", false)
  const ready = await setBackend("wasm")
  if (!ready || getBackend() !== "wasm") throw new Error("TF.js cannot start its WASM backend")
}

/** What TF.js counts on this thread. */
export function tensorStats(): { tensors: number; tensorBytes: number } {
  const { numTensors, numBytes } = memory()
  return { tensors: numTensors, tensorBytes: numBytes }
}

/** The heap of WASM on this thread. */
export function wasmBytes(): number {
  const current = backend()
  if (!(current instanceof BackendWasm)) return 0
  // Emscripten's view of its memory, which TF.js's types leave out.
  return "HEAPU8" in current.wasm && current.wasm.HEAPU8 instanceof Uint8Array ? current.wasm.HEAPU8.byteLength : 0
}

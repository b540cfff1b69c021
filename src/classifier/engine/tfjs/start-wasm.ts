import { createRequire } from "node:module"
import { dirname, sep } from "node:path"
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm"
// By its parts, not as @tensorflow/tfjs: 100 to 150 ms and 10 MB less to start, without WebGL, data and the banner.
import { env, getBackend, setBackend } from "@tensorflow/tfjs-core"

/** Makes this thread's TF.js compute in WASM (SIMD), with the binary that npm installed: nothing is fetched. */
export async function startWasm(): Promise<void> {
  const binary = createRequire(import.meta.url).resolve(
    "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
  )
  setWasmPaths(dirname(binary) + sep)
  // The threaded build does not start in Node.
  env().set("WASM_HAS_MULTITHREAD_SUPPORT", false)
  const ready = await setBackend("wasm")
  if (!ready || getBackend() !== "wasm") throw new Error("TF.js cannot start its WASM backend")
}

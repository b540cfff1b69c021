// What a thread loads when it needs TF.js: as one module, so that none of it is there before.
export { loadModel } from "./load-model.ts"
export { planModel } from "./plan-model.ts"
export { startWasm, tensorStats } from "./start-wasm.ts"

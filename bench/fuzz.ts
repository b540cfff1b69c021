import { parseArgs } from "node:util"
import { startBackend } from "../test/support/edge/edge-backend.ts"
import { fuzzEdge } from "../test/support/fuzz/fuzz-edge.ts"

// `npm run fuzz -- --requests 100000 --seed 7`: what the tests do, for longer. A failure prints its seed.
const { values } = parseArgs({ options: { requests: { type: "string" }, seed: { type: "string" } } })
const requests = Number(values.requests ?? 100_000)
const seed = Number(values.seed ?? Date.now() % 2 ** 31)
const backend = await startBackend()
try {
  process.stdout.write(`seed ${seed}\n`)
  const startMs = performance.now()
  const report = await fuzzEdge(backend, { requests, seed })
  process.stdout.write(`${JSON.stringify(report, null, 2)}\n${((performance.now() - startMs) / 1_000).toFixed(1)} s\n`)
} finally {
  await backend.stop()
}

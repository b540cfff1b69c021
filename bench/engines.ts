import { existsSync } from "node:fs"
import type { Network } from "../src/classifier/engine/network.ts"
import { describeSteps } from "../src/classifier/engine/plan/plan.ts"
import { testInputs } from "../src/classifier/engine/test-inputs.ts"
import { loadModel } from "../src/classifier/engine/tfjs/load-model.ts"
import { planModel } from "../src/classifier/engine/tfjs/plan-model.ts"
import { startWasm } from "../src/classifier/engine/tfjs/start-wasm.ts"
import { ENGINE_NAMES } from "../src/classifier/models/model-info.ts"
import { FAMILY_NAMES, familyModel } from "../test/support/models/families.ts"
import { loadedFrom } from "../test/support/models/plan-of.ts"

// `npm run bench:engines -- [folder …]`: each network as TF.js loads it, as a plan in WASM and natively, in turns in one process: the
// least time of a prediction, and the largest difference of any probability. One thread; read the ratios.
const ROUNDS = 15
const SIDE_PX = 96
const print = (line: string) => void process.stdout.write(`${line}\n`)
const own = ["models/efficientnet_lite0", "../shared/models/mobilenet_v2", ...process.argv.slice(2)]

await startWasm()
print("| network | steps | difference, WASM and native | TF.js | plan in WASM | native |")
print("|---|---|---|---|---|---|")
for (const folder of own.filter((path) => existsSync(path))) await measure(folder, await loadModel("model", folder))
for (const family of FAMILY_NAMES) await measure(`${family}, made`, loadedFrom(familyModel(family, SIDE_PX), SIDE_PX))

async function measure(name: string, loaded: Parameters<typeof planModel>[0]): Promise<void> {
  const networks: Network[] = [loaded.network]
  const differences: string[] = []
  let steps = ""
  for (const engine of ENGINE_NAMES) {
    const planned = await planModel(loaded, engine)
    if (planned.plan === null) return print(`| ${name} | ${planned.reason} |`)
    networks.push(planned.network)
    differences.push(planned.difference.toExponential(0))
    steps = `${planned.plan.steps.length}: ${describeSteps(planned.plan)}`
  }
  const times = await leastMs(networks, testInputs(loaded.description)[1] ?? new Float32Array())
  const [tfjs = 1] = times
  const cells = times.map((ms) => `${ms.toFixed(1)} ms (${(tfjs / ms).toFixed(1)} ×)`)
  print(`| ${name} | ${steps} | ${differences.join(", ")} | ${cells.join(" | ")} |`)
  for (const network of networks) network.dispose()
}

async function leastMs(networks: readonly Network[], input: Float32Array): Promise<number[]> {
  const least = networks.map(() => Number.POSITIVE_INFINITY)
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, network] of networks.entries()) {
      const startMs = performance.now()
      await network.run(input)
      least[at] = Math.min(least[at] ?? 0, performance.now() - startMs)
    }
  }
  return least
}

// Records what jobs take in the real stack, for the simulation: tsx bench/polling/record.ts [folder of pictures]
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Claimcheck } from "../../src/lib/client/claimcheck.ts"
import { startBenchStack } from "../stack.ts"

const JOBS = 400
/** The first ones find everything cold. */
const WARM_UP = 50

const folder = process.argv[2] ?? "../shared/images/imagenet"
const pictures = readdirSync(folder).map((name) => new Uint8Array(readFileSync(join(folder, name))))
const stack = await startBenchStack("node")
const serviceMs: number[] = []
let next = 0
const work = async () => {
  const client = new Claimcheck({ url: stack.url })
  for (let i = next++; i < WARM_UP + JOBS; i = next++) {
    const { timings_ms: ms } = await client.classify(pictures[i % pictures.length] as Uint8Array, { noCache: true })
    const total = (ms?.fetch ?? 0) + (ms?.decode ?? 0) + (ms?.infer ?? 0)
    if (i >= WARM_UP) serviceMs.push(Math.round(total * 10) / 10)
  }
}
try {
  await Promise.all([work(), work(), work(), work()])
} finally {
  await stack.stop()
}
writeFileSync(new URL("service-times.json", import.meta.url), `${JSON.stringify(serviceMs)}\n`)

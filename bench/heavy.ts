import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname } from "node:path"
import { parseArgs } from "node:util"
import { type Finding, HeavyLane, isTooMuch } from "../test/support/heavy/measure-heavy.ts"

// `npm run heavy -- --count 10000 --seed 7`: small files that ask for much work, each through the edge's checks and a real lane whose CPU
// and memory are measured. Goes on where it was ended; `--only N` does one again. Linux only: the kernel tells the peak.
const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    count: { type: "string", default: "10000" },
    codec: { type: "string", default: "native" },
    state: { type: "string" },
    only: { type: "string" },
  },
})
const [seed, count] = [Number(values.seed), Number(values.count)]
const codec = values.codec === "portable" ? "portable" : "native"
const statePath = values.state ?? `.claimcheck/heavy-${codec}-${seed}.json`

type State = { done: number; ends: Record<string, number>; mostCpuS: number; mostMb: number; findings: Finding[] }
const state: State =
  values.only === undefined && existsSync(statePath)
    ? JSON.parse(readFileSync(statePath, "utf8"))
    : { done: 0, ends: {}, mostCpuS: 0, mostMb: 0, findings: [] }

const print = (line: string) => process.stdout.write(`${line}\n`)
const describe = ({ index, what, code, cpuS, peakMb }: Finding) =>
  `#${index} ${what}: ${code}, ${cpuS.toFixed(1)} s, ${peakMb.toFixed(0)} MB`
const save = () => {
  mkdirSync(dirname(statePath), { recursive: true })
  writeFileSync(statePath, JSON.stringify(state, null, 1))
}

const lane = new HeavyLane(codec)
try {
  if (values.only !== undefined) print(describe(await lane.run(seed, Number(values.only))))
  else await runAll()
} finally {
  await lane.close()
}

async function runAll(): Promise<void> {
  print(`seed ${seed}, ${codec} codec, from ${state.done} to ${count}`)
  for (; state.done < count; state.done++) {
    const found = await lane.run(seed, state.done)
    state.ends[found.code] = (state.ends[found.code] ?? 0) + 1
    state.mostCpuS = Math.max(state.mostCpuS, found.cpuS)
    state.mostMb = Math.max(state.mostMb, found.peakMb || 0)
    if (isTooMuch(found)) {
      state.findings.push(found)
      print(`TOO MUCH ${describe(found)}`)
    }
    if (state.done % 50 === 49) {
      save()
      print(
        `${state.done + 1} of ${count}: most ${state.mostCpuS.toFixed(1)} s, ${state.mostMb.toFixed(0)} MB above idle`,
      )
    }
  }
  save()
  print(JSON.stringify({ ...state, findings: state.findings.map(describe) }, null, 1))
  process.exitCode = state.findings.length > 0 ? 1 : 0
}

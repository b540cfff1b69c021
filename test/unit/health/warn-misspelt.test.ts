import { expect, it } from "vitest"
import { classifierEnv } from "../../../src/classifier/config.ts"
import { edgeEnv } from "../../../src/edge/config.ts"
import { gatewayEnv } from "../../../src/gateway/config.ts"
import { warnMisspelt } from "../../../src/health/warn-misspelt.ts"
import { createLog } from "../../../src/lib/log.ts"

function warned(env: Record<string, string>, names: readonly string[]) {
  const lines: string[] = []
  const log = createLog({ server: "s", script: "edge", write: (line) => lines.push(line) })
  warnMisspelt(log, env, names)
  return lines
    .map((line) => JSON.parse(line))
    .map(({ level, event, variable, nearest }) => [level, event, variable, nearest])
}

it("a misspelt variable is named with the nearest real one, and never its value", () => {
  const env = { MAX_QUEUE_DEPHT: "secret", RESULT_TTL: "5", HOME: "/", PATH: "/bin", LEASE_MS: "1000", LANG: "C" }
  expect(warned(env, Object.keys(edgeEnv.shape))).toEqual([
    ["warn", "config.unknown", "MAX_QUEUE_DEPHT", "MAX_QUEUE_DEPTH"],
    ["warn", "config.unknown", "RESULT_TTL", "RESULT_TTL_S"],
  ])
})

it("no part warns of a variable of another part: one environment may serve all of them", () => {
  const parts = [edgeEnv, classifierEnv, gatewayEnv].map(({ shape }) => Object.keys(shape))
  const all = Object.fromEntries(parts.flat().map((name) => [name, "1"]))
  for (const names of parts) expect(warned(all, names)).toEqual([])
})

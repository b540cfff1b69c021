import { expect, it } from "vitest"
import { findWarnings } from "../../../../src/lib/queue/nearly-full.ts"

const memory = (usedBytes: number, maxBytes: number) => ({ usedBytes, maxBytes, policy: "noeviction" })

it.each([
  [
    "nothing is near its limit",
    { results: { result_bytes: 800, max_result_bytes: 1_000 }, memory: memory(800, 1_000) },
    [],
  ],
  ["results are", { results: { result_bytes: 801, max_result_bytes: 1_000 } }, ["results_nearly_full"]],
  ["Redis is", { memory: memory(999, 1_000) }, ["redis_nearly_full"]],
  ["Redis has no maxmemory", { memory: memory(999, 0) }, []],
  ["Redis does not say", { memory: null }, []],
])("findWarnings() says what is nearly full where %s", (_where, seen, codes) => {
  expect(findWarnings(seen).map(({ code }) => code)).toEqual(codes)
})

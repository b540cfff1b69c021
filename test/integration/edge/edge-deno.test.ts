import { expect, it } from "vitest"
import { conforming } from "../../contract/conforming-edge.ts"
import { edgeDefaultsContract } from "../../contract/edge-contract.ts"
import { startBackend } from "../../support/edge/edge-backend.ts"
import { denoEdge, openProcess, spawnEdge } from "../../support/edge/edge-process.ts"

// What settings change is held in this process and in workerd, and here by test/long/edge-settings.test.ts.
edgeDefaultsContract("as a Deno process", conforming({ startBackend, openEdge: (env) => openProcess(denoEdge(), env) }))

it("the Deno process of the edge does not start without its variables, and names them but no value", async () => {
  const { code, output } = await spawnEdge(denoEdge(), { TICKET_SECRET: "hunter2", API_KEYS: "hunter2" }).ended
  expect(code).not.toBe(0)
  for (const name of ["TICKET_SECRET", "API_KEYS", "UPSTASH_REDIS_REST_URL"]) expect(output).toContain(name)
  expect(output).not.toContain("hunter2")
})

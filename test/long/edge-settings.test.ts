import { conforming } from "../contract/conforming-edge.ts"
import { edgeSettingsContract } from "../contract/edge-contract.ts"
import { startBackend } from "../support/edge/edge-backend.ts"
import { denoEdge, nodeEdge, openProcess } from "../support/edge/edge-process.ts"

// A process for each test: `npm test` holds the same settings in one process and in workerd.
for (const [name, command] of [
  ["as a Node process", nodeEdge],
  ["as a Deno process", denoEdge],
] as const) {
  edgeSettingsContract(name, conforming({ startBackend, openEdge: (env) => openProcess(command(), env) }))
}

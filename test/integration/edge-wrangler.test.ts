import { conforming } from "../support/conforming-edge.ts"
import { startBackend } from "../support/edge-backend.ts"
import { edgeCallContract } from "../support/edge-contract.ts"
import { openProcess, wranglerEdge } from "../support/edge-process.ts"

edgeCallContract(
  "under wrangler dev",
  conforming({ startBackend, openEdge: (env) => openProcess(wranglerEdge(env), {}) }),
)

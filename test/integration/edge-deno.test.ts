import { startBackend } from "../support/edge-backend.ts"
import { edgeContract } from "../support/edge-contract.ts"
import { denoEdge, openProcess } from "../support/edge-process.ts"

edgeContract("as a Deno process", { startBackend, openEdge: (env) => openProcess(denoEdge(), env) })

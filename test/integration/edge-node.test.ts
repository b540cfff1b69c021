import { startBackend } from "../support/edge-backend.ts"
import { edgeContract } from "../support/edge-contract.ts"
import { nodeEdge, openProcess } from "../support/edge-process.ts"

edgeContract("as a Node process", { startBackend, openEdge: (env) => openProcess(nodeEdge(), env) })

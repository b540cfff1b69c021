import { conforming } from "../support/conforming-edge.ts"
import { startBackend } from "../support/edge-backend.ts"
import { edgeClockContract } from "../support/edge-clock-contract.ts"
import { edgeContract } from "../support/edge-contract.ts"
import { openInProcess } from "../support/edge-in-process.ts"

edgeContract("called in Node", conforming({ startBackend, openEdge: async (env) => openInProcess(env) }))
edgeClockContract("called in Node", { startBackend })

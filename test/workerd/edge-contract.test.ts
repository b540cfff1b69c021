import { edgeClockContract } from "../contract/edge-clock-contract.ts"
import { edgeContract } from "../contract/edge-contract.ts"
import { openInProcess } from "../support/edge/edge-in-process.ts"
import { startBackendInLab as startBackend } from "../support/edge/edge-lab.ts"

edgeContract("inside workerd", { startBackend, openEdge: async (env) => openInProcess(env) })
edgeClockContract("inside workerd", { startBackend })

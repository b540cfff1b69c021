import { edgeClockContract } from "../support/edge-clock-contract.ts"
import { edgeContract } from "../support/edge-contract.ts"
import { openInProcess } from "../support/edge-in-process.ts"
import { startBackendInLab as startBackend } from "../support/edge-lab.ts"

edgeContract("inside workerd", { startBackend, openEdge: async (env) => openInProcess(env) })
edgeClockContract("inside workerd", { startBackend })

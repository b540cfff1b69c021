import { describe } from "vitest"
import type { EdgeRuntime } from "../support/edge/edge-runtime.ts"
import { batchContract } from "./edge/batches.ts"
import { callerContract } from "./edge/callers.ts"
import { useEdge } from "./edge/client.ts"
import { frontPageContract } from "./edge/front-page.ts"
import { jsonUploadContract } from "./edge/json-uploads.ts"
import { limitContract } from "./edge/limits.ts"
import { outageContract } from "./edge/outages.ts"
import { outputContract } from "./edge/outputs.ts"
import { pageContract } from "./edge/pages.ts"
import { predictContract } from "./edge/predict.ts"
import { rateContract } from "./edge/rates.ts"
import { repeatContract } from "./edge/repeats.ts"
import { sealingContract } from "./edge/sealing.ts"
import { ticketContract } from "./edge/tickets.ts"
import { uploadContract } from "./edge/uploads.ts"
import { wholeContract } from "./edge/whole.ts"

/** What the edge promises on every runtime. It names nothing of Node, since it also runs inside workerd. */
export function edgeContract(name: string, runtime: EdgeRuntime): void {
  edgeDefaultsContract(name, runtime)
  edgeSettingsContract(name, runtime)
}

/** The part of it that few edges can be held to. */
export function edgeDefaultsContract(name: string, runtime: EdgeRuntime): void {
  edgeCallContract(name, runtime)
  outageContract(name, runtime)
  batchContract(name, runtime)
  rateContract(name, runtime)
  sealingContract(name, runtime)
}

/** The part of it that starts an edge for each test, which has settings of its own. */
export function edgeSettingsContract(name: string, runtime: EdgeRuntime): void {
  limitContract(name, runtime)
  pageContract(name, runtime)
}

/** The part of it that one edge with its Redis can be held to. */
export function edgeCallContract(name: string, runtime: EdgeRuntime): void {
  describe(`the edge ${name}`, () => {
    const client = useEdge(runtime)
    uploadContract(client)
    jsonUploadContract(client)
    ticketContract(client)
    outputContract(client)
    predictContract(client)
    repeatContract(client)
    callerContract(client)
    wholeContract(client)
    frontPageContract(client)
  })
}

import { describe } from "vitest"
import { batchContract } from "./edge-contract/batches.ts"
import { callerContract } from "./edge-contract/callers.ts"
import { useEdge } from "./edge-contract/client.ts"
import { frontPageContract } from "./edge-contract/front-page.ts"
import { jsonUploadContract } from "./edge-contract/json-uploads.ts"
import { limitContract } from "./edge-contract/limits.ts"
import { outageContract } from "./edge-contract/outages.ts"
import { outputContract } from "./edge-contract/outputs.ts"
import { pageContract } from "./edge-contract/pages.ts"
import { predictContract } from "./edge-contract/predict.ts"
import { rateContract } from "./edge-contract/rates.ts"
import { repeatContract } from "./edge-contract/repeats.ts"
import { sealingContract } from "./edge-contract/sealing.ts"
import { ticketContract } from "./edge-contract/tickets.ts"
import { uploadContract } from "./edge-contract/uploads.ts"
import { wholeContract } from "./edge-contract/whole.ts"
import type { EdgeRuntime } from "./edge-runtime.ts"

/** What the edge promises on every runtime. It names nothing of Node, since it also runs inside workerd. */
export function edgeContract(name: string, runtime: EdgeRuntime): void {
  edgeCallContract(name, runtime)
  limitContract(name, runtime)
  outageContract(name, runtime)
  batchContract(name, runtime)
  pageContract(name, runtime)
  rateContract(name, runtime)
  sealingContract(name, runtime)
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

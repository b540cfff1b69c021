import type { StoredOutputs } from "../../lib/outputs/stored-outputs.ts"
import type { OutputStore } from "./output-store.ts"

/** Outputs in Redis, as long as results live; the edge hands them out. */
export function redisOutputs(outputs: Pick<StoredOutputs, "put">, now: () => number): OutputStore {
  return {
    async put({ jobId, caller, contentType, sha256, bytes, keepUntilMs }) {
      await outputs.put(jobId, { caller, contentType, sha256, bytes }, { nowMs: now(), keepUntilMs })
      return {}
    },
  }
}

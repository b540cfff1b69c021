import { RestError } from "./rest-error.ts"

/** Limits the memory of all request bodies in progress. */
export function createByteBudget(maxBytes: number): { take(bytes: number): () => void } {
  let taken = 0
  return {
    /** Returns how to give the bytes back. Throws RestError 503 when there are too few left. */
    take(bytes) {
      if (taken + bytes > maxBytes) throw new RestError(503, "ERR too many bytes in flight, try again")
      taken += bytes
      return () => {
        taken -= bytes
      }
    },
  }
}

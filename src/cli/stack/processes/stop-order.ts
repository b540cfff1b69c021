import type { PartName } from "../parts/part.ts"

/** Nothing new comes in first; then what is in hand is finished, which needs Redis and the gateway: they go last. */
export const STOP_ORDER: readonly (readonly PartName[])[] = [
  ["edge", "classifier", "deliverer"],
  ["gateway"],
  ["redis"],
]

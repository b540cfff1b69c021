import { MAX_WAIT_S } from "../config.ts"

/**
 * How long a client prefers to wait for the result, in milliseconds: `Prefer: wait=N`, N in seconds. `respond-async` is what
 * happens without it, and after it: the two together mean "asynchronously, if it takes longer than N" (RFC 7240, 4.3).
 */
export function preferredWaitMs(prefer: string | undefined): number {
  const seconds = prefer?.match(/(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})/i)?.[1]
  return seconds === undefined ? 0 : Math.min(Number(seconds), MAX_WAIT_S) * 1_000
}

import { MAX_WAIT_S } from "./config.ts"

/** How long a client prefers to wait for the result, in milliseconds: `Prefer: wait=N`, N in seconds (RFC 7240, 4.3). */
export function preferredWaitMs(prefer: string | undefined): number {
  if (prefer === undefined || /\brespond-async\b/i.test(prefer)) return 0
  const seconds = prefer.match(/(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})/i)?.[1]
  return seconds === undefined ? 0 : Math.min(Number(seconds), MAX_WAIT_S) * 1_000
}

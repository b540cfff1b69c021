/**
 * Exponential backoff with full jitter, in milliseconds: U(0, min(cap, base · 2^attempt)).
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)
 */
export function fullJitterMs(
  attempt: number,
  { baseMs = 200, capMs = 10_000 }: { baseMs?: number; capMs?: number } = {},
  random: () => number = Math.random,
): number {
  return random() * Math.min(capMs, baseMs * 2 ** attempt)
}

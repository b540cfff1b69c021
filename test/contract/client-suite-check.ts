import { ClaimcheckError } from "../../src/lib/client/claimcheck.ts"
import type { Seen } from "./client-fake-edge.ts"

export async function failure(promise: Promise<unknown>): Promise<ClaimcheckError> {
  const error = await promise.then(
    () => new Error("It did not fail"),
    (reason: unknown) => reason,
  )
  if (error instanceof ClaimcheckError) return error
  throw error
}

export function thrownBy(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return new Error("It did not throw")
}

export const textOf = ({ body }: Seen) => new TextDecoder().decode(new Uint8Array(body))

export function ok(condition: boolean, what: string): void {
  if (!condition) throw new Error(`Expected: ${what}`)
}

export function equal(actual: unknown, expected: unknown): void {
  const text = (value: unknown) => JSON.stringify(value, (_key, inner) => (inner === undefined ? "(undefined)" : inner))
  if (text(actual) !== text(expected)) throw new Error(`Expected ${text(expected)}, got ${text(actual)}`)
}

/** Mulberry32: the same numbers for the same seed, everywhere. */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

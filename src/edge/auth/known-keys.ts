import { AppError } from "../../lib/app-error.ts"
import type { ApiKeyRecord, ApiKeyStore } from "../../lib/callers/api-key-store.ts"
import { PREFIX48_SHARE, prefix48Of } from "../../lib/callers/caller-id.ts"
import { type RateLimit, stepMsOf, waitMsOf } from "../../lib/callers/rate-limit.ts"

/** A key that is revoked, or changed, is so everywhere after so long. */
export const KNOWN_KEY_MS = 15_000
/** One that was just made works after so long, although it was tried before. */
const UNKNOWN_KEY_MS = 5_000
const MAX_KNOWN = 10_000
const MAX_UNKNOWN = 1_000
const MAX_GUESSERS = 10_000
/** Each guess costs a command: so many of one address, and then one every three seconds. */
const GUESSES: RateLimit = { count: 20, windowMs: 60_000 }

/** API keys as this isolate last saw them. Holds values only: on Workers a promise belongs to the request that made it. */
export class KnownKeys {
  readonly #store: Pick<ApiKeyStore, "find" | "noteUse">
  readonly #now: () => number
  readonly #known = new Map<string, { record: ApiKeyRecord; readMs: number; usedDay?: string }>()
  readonly #unknown = new Map<string, number>()
  readonly #guessers = new Map<string, number>()

  constructor(store: Pick<ApiKeyStore, "find" | "noteUse">, now: () => number) {
    this.#store = store
    this.#now = now
  }

  /**
   * The key of this hash, or null when there is none.
   * @param network of the caller; one that guesses is limited
   * @throws AppError too_many_guesses, redis_unavailable
   */
  async find(sha256: string, network: string): Promise<ApiKeyRecord | null> {
    const known = this.#known.get(sha256)
    if (known !== undefined && this.#isFresh(known.readMs, KNOWN_KEY_MS)) return known.record
    if (this.#isFresh(this.#unknown.get(sha256), UNKNOWN_KEY_MS)) return null
    // A caller with a known key is accepted, regardless of guesses from its network.
    if (known === undefined) this.#assertMayGuess(network)
    const record = await this.#store.find(sha256)
    if (record === null) {
      this.#known.delete(sha256)
      remember(this.#unknown, MAX_UNKNOWN, sha256, this.#now())
      this.#countGuess(network)
      return null
    }
    const usedDay = new Date(this.#now()).toISOString().slice(0, 10)
    if (known?.usedDay !== usedDay) await this.#store.noteUse(record.name, usedDay)
    remember(this.#known, MAX_KNOWN, sha256, { record, readMs: this.#now(), usedDay })
    return record
  }

  #isFresh(readMs: number | undefined, maxAgeMs: number): boolean {
    const ageMs = readMs === undefined ? maxAgeMs : this.#now() - readMs
    return ageMs >= 0 && ageMs < maxAgeMs
  }

  #assertMayGuess(network: string): void {
    const waits = guessersOf(network).map(([name, limit]) => {
      return waitMsOf(limit, this.#guessers.get(name) ?? 0, { nowMs: this.#now() })
    })
    const retryAfterMs = Math.max(...waits)
    if (retryAfterMs === 0) return
    const message = "Cannot look up the API key: too many unknown ones came from your address"
    throw new AppError("too_many_guesses", message, { retryAfterMs })
  }

  #countGuess(network: string): void {
    const nowMs = this.#now()
    for (const [name, limit] of guessersOf(network)) {
      const fromMs = Math.max(nowMs, this.#guessers.get(name) ?? 0)
      // Concurrent guesses are counted after all of them were accepted; no wait exceeds a window.
      const untilMs = Math.min(fromMs + stepMsOf(limit), nowMs + limit.windowMs)
      remember(this.#guessers, MAX_GUESSERS, name, untilMs)
    }
  }
}

/** Whom a guess counts against: its network, and the /48 around that. */
function guessersOf(network: string): [name: string, limit: RateLimit][] {
  const prefix48 = prefix48Of(network)
  const ofPrefix48 = { ...GUESSES, count: PREFIX48_SHARE * GUESSES.count }
  return [[network, GUESSES], ...(prefix48 === null ? [] : [[prefix48, ofPrefix48] satisfies [string, RateLimit]])]
}

/** Keeps a map small: what is lost of it costs a command, and no more. */
function remember<T>(map: Map<string, T>, maxSize: number, name: string, value: T): void {
  if (map.size >= maxSize && !map.has(name)) map.clear()
  map.set(name, value)
}

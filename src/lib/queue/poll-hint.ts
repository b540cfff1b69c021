import type { ServiceRate } from "./registry.ts"

const MAX_POLL_MS = 30_000

export type Pace = {
  /** An answer that comes a little later than expected must not cost another look: shares of the job's time and of the wait. */
  marginOfJob: number
  marginOfWait: number
  /** A job that takes longer than it should is looked at again after this share of its age. */
  overdueShare: number
  minMs: number
}
/** A client's poll costs it and the edge a round trip (bench/polling has what other margins cost). */
const POLL: Pace = { marginOfJob: 0.05, marginOfWait: 0.03, overdueShare: 1 / 3, minMs: 20 }
/** The edge itself looks while a client waits in one of its requests; that costs a command of Redis, so rather early than late. */
export const LOOK: Pace = { marginOfJob: -0.1, marginOfWait: 0, overdueShare: 1 / 12, minMs: 5 }

/** After so many looks at a job that does not move, the next pause is as long as all of them together. */
const STILL_LOOKS = 16
/** So many looks of a wait may follow its hints closely. */
const MAX_CLOSE_LOOKS = 24

/** While the speed is not known, and while no classifier is alive. */
const UNKNOWN_RATE_POLL_MS = 500
const NO_CLASSIFIER_POLL_MS = 5_000

/** A job's place in the queue. Times in milliseconds. `ahead` jobs must leave its classifier's lanes before it gets one. */
export type Progress = { position: number; waitingForMs: number } | { processingForMs: number; ahead: number }

export type PollHint = { etaMs: number | null; pollAfterMs: number }

/**
 * When to look again: position ÷ completion rate, plus what one job takes, and where others wait as much again, since the
 * classifier holds a job for every busy lane. A job that takes longer than it should, or stays at
 * the head of a queue whose classifier has just died, is asked for again after a share of its age: its polls grow rare.
 */
export function pollHint(
  progress: Progress,
  { classifiers, perSecond, jobMs }: ServiceRate,
  pace: Pace = POLL,
): PollHint {
  if (classifiers === 0) return { etaMs: null, pollAfterMs: NO_CLASSIFIER_POLL_MS }
  if (perSecond <= 0) return { etaMs: null, pollAfterMs: UNKNOWN_RATE_POLL_MS }

  const jobsMs = (jobs: number) => (jobs / perSecond) * 1_000
  const [leftMs, leastMs] =
    "position" in progress
      ? [jobMs * (progress.position > 0 ? 2 : 1) + jobsMs(progress.position), progress.waitingForMs / 10]
      : [jobMs + jobsMs(progress.ahead) - progress.processingForMs, progress.processingForMs * pace.overdueShare]
  const etaMs = "position" in progress ? leftMs : Math.max(leftMs, leastMs)
  const likelyMs = leftMs * (1 + pace.marginOfWait) + jobMs * pace.marginOfJob
  const pollAfterMs = Math.min(MAX_POLL_MS, Math.max(pace.minMs, leastMs, likelyMs))
  return { etaMs: Math.ceil(etaMs), pollAfterMs: Math.ceil(pollAfterMs) }
}

/** The pause before each look of a wait. It grows for a job that should have moved, so that looks stay few. */
export class LookPace {
  readonly #startMs: number
  #looks = 0
  #place = ""
  #stillLooks = 0
  #stillSinceMs = 0

  constructor(startMs: number) {
    this.#startMs = startMs
  }

  /** @param place where the job was seen; `hintMs` when it may be worth it to look again */
  pauseMs(place: string, { hintMs, nowMs }: { hintMs: number; nowMs: number }): number {
    if (place !== this.#place) [this.#place, this.#stillLooks] = [place, 0]
    // At the first look it was not expected to have moved yet.
    if (this.#stillLooks <= 1) this.#stillSinceMs = nowMs
    const stillMs = (nowMs - this.#stillSinceMs) * (this.#stillLooks++ / STILL_LOOKS) ** 4
    const manyMs = this.#looks++ < MAX_CLOSE_LOOKS ? 0 : (nowMs - this.#startMs) / 2
    return Math.max(hintMs, stillMs, manyMs)
  }
}

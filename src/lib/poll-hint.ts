import type { ServiceRate } from "./registry.ts"

const MIN_POLL_MS = 20
const MAX_POLL_MS = 30_000
/** An answer that comes a little later than expected must not cost a second poll (bench/polling has what other margins cost). */
const MARGIN_OF_JOB = 0.05
const MARGIN_OF_WAIT = 0.03
/** When nothing is known yet of the speed, or nobody is there to ask. */
const UNKNOWN_RATE_POLL_MS = 500
const NO_CLASSIFIER_POLL_MS = 5_000

/** Where a job stands. Times in milliseconds. */
export type Progress = { position: number; waitingForMs: number } | { processingForMs: number }

export type PollHint = { etaMs: number | null; pollAfterMs: number }

/**
 * When to look again: position ÷ completion rate, plus what one job takes, and where others wait as much again, since the
 * classifier has a job in hand for every lane that is busy. A job that takes longer than it should, or stays at
 * the head of a queue whose classifier has just died, is asked for again after a share of its age: its polls grow rare.
 */
export function pollHint(progress: Progress, { classifiers, perSecond, jobMs }: ServiceRate): PollHint {
  if (classifiers === 0) return { etaMs: null, pollAfterMs: NO_CLASSIFIER_POLL_MS }
  if (perSecond <= 0) return { etaMs: null, pollAfterMs: UNKNOWN_RATE_POLL_MS }

  const [etaMs, leastMs] =
    "position" in progress
      ? [jobMs * (progress.position > 0 ? 2 : 1) + (progress.position / perSecond) * 1_000, progress.waitingForMs / 10]
      : [Math.max(jobMs - progress.processingForMs, progress.processingForMs / 3), 0]
  const likelyMs = etaMs + jobMs * MARGIN_OF_JOB + etaMs * MARGIN_OF_WAIT
  const pollAfterMs = Math.min(MAX_POLL_MS, Math.max(MIN_POLL_MS, leastMs, likelyMs))
  return { etaMs: Math.ceil(etaMs), pollAfterMs: Math.ceil(pollAfterMs) }
}

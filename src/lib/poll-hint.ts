import type { ServiceRate } from "./registry.ts"

const MIN_POLL_MS = 20
const MAX_POLL_MS = 10_000
/** When nothing is known yet of the speed, or nobody is there to ask. */
const UNKNOWN_RATE_POLL_MS = 500
const NO_CLASSIFIER_POLL_MS = 5_000

/** Where a job stands. Times in milliseconds. */
export type Progress = { position: number } | { processingForMs: number }

export type PollHint = { etaMs: number | null; pollAfterMs: number }

/**
 * When to look again: position ÷ completion rate, plus what one job takes. A job that takes longer than it should is asked for
 * again after a growing share of its age, so that a slow one costs few polls.
 */
export function pollHint(progress: Progress, { classifiers, perSecond, jobMs }: ServiceRate): PollHint {
  if (classifiers === 0) return { etaMs: null, pollAfterMs: NO_CLASSIFIER_POLL_MS }
  if (perSecond <= 0) return { etaMs: null, pollAfterMs: UNKNOWN_RATE_POLL_MS }

  const etaMs =
    "position" in progress
      ? jobMs + (progress.position / perSecond) * 1_000
      : Math.max(jobMs - progress.processingForMs, progress.processingForMs / 4)
  return { etaMs: Math.ceil(etaMs), pollAfterMs: Math.ceil(Math.min(MAX_POLL_MS, Math.max(MIN_POLL_MS, etaMs))) }
}

import { fullJitterMs } from "../../src/lib/backoff.ts"
import { HINT_JITTER } from "../../src/lib/client/ticket-poll.ts"
import { LOOK, type Progress, pollHint } from "../../src/lib/queue/poll-hint.ts"
import type { ServiceRate } from "../../src/lib/queue/registry.ts"

/** What a client knows when it decides how long to wait: how often it has looked, and what the server told it. */
export type Look = { attempt: number; progress: Progress; rate: ServiceRate; random: () => number }
export type Strategy = {
  name: string
  waitMs: (look: Look) => number
  /** How long the edge holds a poll that came too early (`Prefer: wait`), and when it looks itself meanwhile. */
  hold?: { ms: number; lookAfterMs: (look: Pick<Look, "progress" | "rate">) => { etaMs: number; afterMs: number } }
}

export const STRATEGIES: readonly Strategy[] = [
  { name: "fixed 250 ms", waitMs: () => 250 },
  {
    name: "plain exponential",
    // No jitter that could come out near zero, no hint: doubling from 100 ms up to 10 s, as most clients do.
    waitMs: ({ attempt, random }) => Math.min(10_000, 100 * 2 ** attempt) * (0.5 + random() / 2),
  },
  { name: "full jitter", waitMs: ({ attempt, random }) => fullJitterMs(attempt, {}, random) },
  { name: "hinted", waitMs: ({ progress, rate }) => pollHint(progress, rate).pollAfterMs },
  {
    name: "hinted, held up to 1 s",
    // src/lib/client/ticket-poll.ts
    waitMs: ({ progress, rate, random }) => pollHint(progress, rate).pollAfterMs * (1 - random() * HINT_JITTER),
    hold: {
      ms: 1_000,
      lookAfterMs({ progress, rate }) {
        const { etaMs, pollAfterMs } = pollHint(progress, rate, LOOK)
        return { etaMs: etaMs ?? 0, afterMs: pollAfterMs }
      },
    },
  },
]

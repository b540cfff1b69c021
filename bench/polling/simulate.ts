import { LookPace, type Progress } from "../../src/lib/queue/poll-hint.ts"
import type { ServiceRate } from "../../src/lib/queue/registry.ts"
import type { Strategy } from "./strategies.ts"

export type Setting = {
  tickets: number
  lanes: number
  /** What jobs took, as recorded from a classifier, in milliseconds. */
  serviceMs: readonly number[]
  /** From a client to the edge's Redis and back. */
  roundTripMs: number
  /** The classifier has told its speed before; else the edge goes by a first guess for a while. */
  isMeasured: boolean
  random: () => number
}

export type Outcome = {
  pollsPerTicket: number
  /** How often the edge asked Redis for a ticket: once a poll, and while it holds one. */
  looksPerTicket: number
  /** Between the answer being there and its client having it, without the round trip; mean and 99th percentile. */
  delayMeanMs: number
  delayP99Ms: number
  /** The mean delay as a share of the mean wait. */
  delayShare: number
  requestsPerSecond: number
}

/** What edges know of the speed is as old as a beat of the classifier and their copy of it may be. */
const RATE_AGE_MS = 25_000
/** src/classifier/jobs/service-meter.ts says the same before it has seen a job. */
const FIRST_GUESS_MS = 100

/**
 * All tickets come at once, the worst that clients do to a queue; jobs are served in order by all lanes. As in the
 * classifier, a job is claimed while another is still in its lane.
 */
export function simulate(strategy: Strategy, setting: Setting): Outcome {
  const { tickets, random } = setting
  const { startMs, doneMs } = serve(setting)
  const claimMs = startMs.map((_start, i) => (i < 2 * setting.lanes ? 0 : (startMs[i - setting.lanes] as number)))
  const rateAt = ratesKnown(setting)
  const delays: number[] = []
  let polls = 0
  let looks = 0
  let waits = 0
  for (let ticket = 0; ticket < tickets; ticket++) {
    const done = doneMs[ticket] as number
    for (let attempt = 0, now = 0; ; attempt++) {
      const progress = progressAt(now, ticket, { claimMs, lanes: setting.lanes })
      now += strategy.waitMs({ attempt, progress, rate: rateAt(now), random }) + setting.roundTripMs / 2
      polls++
      looks++
      const heldUntilMs = now + (strategy.hold?.ms ?? 0)
      const pace = new LookPace(now)
      while (strategy.hold && now < done && now < heldUntilMs) {
        const seen = progressAt(now, ticket, { claimMs, lanes: setting.lanes })
        const { etaMs, afterMs } = strategy.hold.lookAfterMs({ progress: seen, rate: rateAt(now) })
        if (etaMs > 1.5 * (heldUntilMs - now)) break
        const place = "position" in seen ? `queued ${seen.position}` : "processing"
        now = Math.min(heldUntilMs, now + pace.pauseMs(place, { hintMs: afterMs, nowMs: now }))
        looks++
      }
      const isDone = now >= done
      if (isDone) {
        delays.push(now - done)
        waits += done
        break
      }
      now += setting.roundTripMs / 2
    }
  }
  delays.sort((a, b) => a - b)
  const delayMeanMs = delays.reduce((sum, delay) => sum + delay, 0) / tickets
  return {
    pollsPerTicket: polls / tickets,
    looksPerTicket: looks / tickets,
    delayMeanMs,
    delayP99Ms: delays[Math.floor(tickets * 0.99)] ?? 0,
    delayShare: delayMeanMs / (waits / tickets),
    requestsPerSecond: (polls * 1_000) / Math.max(...doneMs),
  }
}

function serve({ tickets, lanes, serviceMs, random }: Setting): { startMs: number[]; doneMs: number[] } {
  const freeAtMs = Array.from({ length: lanes }, () => 0)
  const startMs: number[] = []
  const doneMs: number[] = []
  for (let ticket = 0; ticket < tickets; ticket++) {
    const lane = freeAtMs.indexOf(Math.min(...freeAtMs))
    const start = freeAtMs[lane] as number
    const done = start + (serviceMs[Math.floor(random() * serviceMs.length)] as number)
    freeAtMs[lane] = done
    startMs.push(start)
    doneMs.push(done)
  }
  return { startMs, doneMs }
}

/** The service rate as an edge knows it at a time. */
function ratesKnown({ lanes, serviceMs, isMeasured }: Setting): (nowMs: number) => ServiceRate {
  const meanMs = serviceMs.reduce((sum, ms) => sum + ms, 0) / serviceMs.length
  return (nowMs) => {
    const jobMs = isMeasured || nowMs >= RATE_AGE_MS ? meanMs : FIRST_GUESS_MS
    return { classifiers: 1, jobMs, perSecond: (lanes * 1_000) / jobMs }
  }
}

function progressAt(
  nowMs: number,
  ticket: number,
  { claimMs, lanes }: { claimMs: readonly number[]; lanes: number },
): Progress {
  const claimed = claimMs[ticket] as number
  if (claimed <= nowMs)
    return { processingForMs: nowMs - claimed, ahead: Math.min(lanes, Math.max(0, ticket - lanes + 1)) }
  return { position: ticket - firstAfter(claimMs, nowMs), waitingForMs: nowMs }
}

/** How many are claimed: claims are in order. */
function firstAfter(claimMs: readonly number[], nowMs: number): number {
  let low = 0
  let high = claimMs.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((claimMs[middle] as number) <= nowMs) low = middle + 1
    else high = middle
  }
  return low
}

import { between, pick, type Random, randomFor, wholeBetween } from "./random.ts"

/** Where a connection to the gateway is cut: who it comes from. */
export type Side = "edge" | "classifier"
/**
 * `request`: cut before the gateway sees it. `reply`: done by the gateway, nobody told. `midway`: cut inside the reply.
 * `late`: held back until whoever asked has given up, then done.
 */
export type Trouble = "request" | "reply" | "midway" | "late"

export type Fault =
  | { kind: "classifier killed"; which: number; downMs: number }
  | { kind: "classifier restarted"; which: number; downMs: number }
  | { kind: "classifier stalled"; which: number; forMs: number }
  | { kind: "redis restarted"; downMs: number }
  | { kind: "redis killed"; downMs: number }
  | { kind: "redis stalled"; forMs: number }
  | { kind: "gateway killed"; downMs: number }
  | { kind: "gateway away"; downMs: number }
  | { kind: "edge killed"; downMs: number }
  | { kind: "connections cut"; side: Side; how: Trouble; share: number; forMs: number }
  | { kind: "wake-ups silenced" }
  | { kind: "wake-ups dropped"; forMs: number }
  | { kind: "subscribers killed" }
  | { kind: "clock stepped"; side: Side; byMs: number; forMs: number }
  | { kind: "redis clock stepped"; byMs: number }
  | { kind: "redis full"; forMs: number }
  | { kind: "eviction allowed"; forMs: number }
  | { kind: "scripts flushed" }
  | { kind: "records damaged"; number: number; count: number }

/** `atJob`: it comes when so many jobs are finished. */
export type PlannedFault = Fault & { atJob: number }

export type PlanOptions = {
  seed: number
  faults: number
  jobs: number
  classifiers: number
  leaseMs: number
  /** Faults of these kinds alone. */
  only?: readonly string[] | undefined
}

type Draw = (random: Random, options: PlanOptions) => Fault

const cut =
  (side: Side, how: Trouble): Draw =>
  (random) => ({
    kind: "connections cut",
    side,
    how,
    share: between(random, 0.1, 0.5),
    forMs: between(random, 1_500, 4_000),
  })

const HOUR_MS = 3_600_000

const clockStep =
  (side: Side): Draw =>
  (random) => ({
    kind: "clock stepped",
    side,
    byMs: pick(random, [-HOUR_MS, HOUR_MS, 90_000, -90_000]),
    forMs: between(random, 2_000, 8_000),
  })

/** One of each comes before any comes twice; the reply that is lost after the script ran is the case that matters. */
const DRAWS: readonly Draw[] = [
  cut("classifier", "reply"),
  (random, { classifiers }) => ({
    kind: "classifier killed",
    which: wholeBetween(random, 0, classifiers - 1),
    downMs: between(random, 0, 2_000),
  }),
  (random) => ({ kind: "redis killed", downMs: between(random, 0, 1_500) }),
  cut("edge", "reply"),
  (random, { classifiers, leaseMs }) => ({
    kind: "classifier stalled",
    which: wholeBetween(random, 0, classifiers - 1),
    forMs: between(random, leaseMs * 1.2, leaseMs * 2.5),
  }),
  (random) => ({ kind: "gateway killed", downMs: between(random, 0, 500) }),
  cut("classifier", "midway"),
  (random) => ({ kind: "redis restarted", downMs: between(random, 0, 1_500) }),
  cut("edge", "late"),
  (random) => ({ kind: "edge killed", downMs: between(random, 0, 1_000) }),
  cut("classifier", "request"),
  (random) => ({ kind: "redis stalled", forMs: between(random, 1_000, 3_000) }),
  (random, { classifiers }) => ({
    kind: "classifier killed",
    which: wholeBetween(random, 0, classifiers - 1),
    downMs: between(random, 0, 2_000),
  }),
  cut("classifier", "late"),
  () => ({ kind: "wake-ups silenced" }),
  cut("edge", "midway"),
  (random) => ({ kind: "gateway away", downMs: between(random, 2_000, 5_000) }),
  (random, { classifiers }) => ({
    kind: "classifier restarted",
    which: wholeBetween(random, 0, classifiers - 1),
    downMs: between(random, 0, 1_000),
  }),
  cut("edge", "request"),
  (random) => ({ kind: "redis full", forMs: between(random, 1_000, 3_000) }),
  clockStep("classifier"),
  (random) => ({
    kind: "records damaged",
    number: wholeBetween(random, 0, 2 ** 31),
    count: wholeBetween(random, 1, 4),
  }),
  () => ({ kind: "subscribers killed" }),
  clockStep("edge"),
  () => ({ kind: "scripts flushed" }),
  (random) => ({ kind: "wake-ups dropped", forMs: between(random, 2_000, 6_000) }),
  (random) => ({ kind: "eviction allowed", forMs: between(random, 1_000, 3_000) }),
  // The new one of a failover: later by minutes, or a little earlier.
  (random) => ({ kind: "redis clock stepped", byMs: pick(random, [600_000, -3_000]) }),
]

/**
 * Which faults come when, all from the seed. They are tied to the work that is done and not to the clock, so that a slower
 * machine sees the same plan; two of them may fall together. The first are in a fixed order, the later rounds shuffled.
 */
export function planFaults(options: PlanOptions): PlannedFault[] {
  const random = randomFor(options.seed, "plan")
  const drawn: Fault[] = []
  for (let isFirst = true; drawn.length < options.faults; isFirst = false) {
    const faults = (isFirst ? DRAWS : shuffled(random, DRAWS)).map((draw) => draw(random, options))
    const wanted = faults.filter(({ kind }) => options.only?.includes(kind) ?? true)
    if (wanted.length === 0) throw new Error(`There is no fault called ${options.only?.join(" or ")}`)
    drawn.push(...wanted.slice(0, options.faults - drawn.length))
  }
  // Even shares with a seeded place in each, so that the run is never long without one.
  const spanJobs = (options.jobs * 0.92) / options.faults
  return drawn.map((fault, i) => ({
    ...fault,
    atJob: Math.round(options.jobs * 0.03 + (i + random() * 1.5) * spanJobs * 0.95),
  }))
}

function shuffled<T>(random: Random, list: readonly T[]): T[] {
  const rest = [...list]
  const order: T[] = []
  while (rest.length > 0) {
    const next = pick(random, rest)
    rest.splice(rest.indexOf(next), 1)
    order.push(next)
  }
  return order
}

/** One line for people. */
export function describeFault(fault: Fault): string {
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
  switch (fault.kind) {
    case "classifier killed":
    case "classifier restarted":
      return `${fault.kind.replace(" ", ` ${fault.which + 1} `)}, back after ${seconds(fault.downMs)}`
    case "classifier stalled":
      return `classifier ${fault.which + 1} stalled for ${seconds(fault.forMs)}`
    case "redis stalled":
      return `${fault.kind} for ${seconds(fault.forMs)}`
    case "redis restarted":
    case "redis killed":
    case "gateway killed":
    case "gateway away":
    case "edge killed":
      return `${fault.kind}, back after ${seconds(fault.downMs)}`
    case "connections cut": {
      const share = `${Math.round(fault.share * 100)} %`
      return `${fault.side} to gateway: ${share} cut (${fault.how}) for ${seconds(fault.forMs)}`
    }
    case "redis full":
    case "eviction allowed":
    case "wake-ups dropped":
      return `${fault.kind} for ${seconds(fault.forMs)}`
    case "clock stepped":
      return `the ${fault.side}'s clock stepped by ${seconds(fault.byMs)} for ${seconds(fault.forMs)}`
    case "redis clock stepped":
      return `${fault.kind} by ${seconds(fault.byMs)}`
    case "records damaged":
      return `${fault.count} ${fault.kind}`
    case "wake-ups silenced":
    case "subscribers killed":
    case "scripts flushed":
      return fault.kind
    default:
      return fault satisfies never
  }
}

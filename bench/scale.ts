// Where the limits are: pictures a second that boxes, gateways and shards of the queue carry, simulated on measured costs.
//   npx tsx bench/scale.ts [--lane-ms 40] [--gateway-ms 8] [--redis-ms 1.6] [--upstream-ms 5]
// The defaults are what bench:throughput printed as "CPU a picture" (docs/scale.md); an edge on Workers is not a limit.
import { parseArgs } from "node:util"

const { values } = parseArgs({
  options: {
    "lane-ms": { type: "string", default: "40" },
    "gateway-ms": { type: "string", default: "8" },
    "redis-ms": { type: "string", default: "1.6" },
    "upstream-ms": { type: "string", default: "5" },
    seconds: { type: "string", default: "60" },
  },
})
const laneMs = Number(values["lane-ms"])
const gatewayMs = Number(values["gateway-ms"])
const redisMs = Number(values["redis-ms"])
const upstreamMs = Number(values["upstream-ms"])
/** Calls of a picture on its way: bytes in, enqueue, claim, bytes out, finish, one poll. */
const CALLS_BEFORE = 4
const CALLS_AFTER = 2
const CALLS = CALLS_BEFORE + CALLS_AFTER

type Plan = { name: string; lanes: number; gateways: number; shards: number }
const PLANS: readonly Plan[] = [
  { name: "one box, 2 cores, all on it", lanes: 1, gateways: 1, shards: 1 },
  { name: "queue on one box, classifiers on 2 × 4 cores", lanes: 8, gateways: 1, shards: 1 },
  { name: "queue on one box, 2 gateways, 8 × 4 cores", lanes: 32, gateways: 2, shards: 1 },
  { name: "the same, 6 gateways, 24 × 4 cores", lanes: 96, gateways: 6, shards: 1 },
  { name: "4 shards, 24 gateways, 96 × 4 cores", lanes: 384, gateways: 24, shards: 4 },
]

/** Stations that serve one at a time each, in order of arrival. */
class Station {
  readonly #freeAtMs: number[]
  constructor(servers: number) {
    this.#freeAtMs = Array.from({ length: servers }, () => 0)
  }
  /** When work that comes at `atMs` and takes `ms` is done. */
  serve(atMs: number, ms: number): number {
    let first = 0
    this.#freeAtMs.forEach((freeMs, i) => {
      if (freeMs < (this.#freeAtMs[first] as number)) first = i
    })
    const doneMs = Math.max(atMs, this.#freeAtMs[first] as number) + ms
    this.#freeAtMs[first] = doneMs
    return doneMs
  }
}

/** Exponential gaps, a shuffled but repeatable load. */
function arrivals(perSecond: number, seconds: number): number[] {
  let state = 1
  const random = () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  const atMs: number[] = []
  for (let now = 0; now < seconds * 1_000; ) {
    now -= (Math.log(random()) * 1_000) / perSecond
    atMs.push(now)
  }
  return atMs
}

/** The 95th percentile from upload to answer, at a rate. Calls of one picture go to the gateway and Redis one after another. */
function p95Ms({ lanes, gateways, shards }: Plan, perSecond: number): number {
  const gateway = new Station(gateways)
  const redis = new Station(shards)
  const lane = new Station(lanes)
  const call = (atMs: number) => redis.serve(gateway.serve(atMs, gatewayMs / CALLS) + upstreamMs / 2, redisMs / CALLS)
  type Visit = { atMs: number; startMs: number; callsLeft: number; inferred: boolean }
  const visits: Visit[] = arrivals(perSecond, Number(values.seconds)).map((atMs) => ({
    atMs,
    startMs: atMs,
    callsLeft: CALLS_BEFORE,
    inferred: false,
  }))
  const waits: number[] = []
  // A coarse calendar: what happens within the same millisecond keeps its order of arrival.
  const calendar = new Map<number, Visit[]>()
  const plan = (visit: Visit) => {
    const slot = Math.floor(visit.atMs)
    const at = calendar.get(slot)
    if (at) at.push(visit)
    else calendar.set(slot, [visit])
  }
  for (const visit of visits) plan(visit)
  for (let slot = 0; calendar.size > 0; slot++) {
    const now = calendar.get(slot)
    if (!now) continue
    for (const visit of now) step(visit)
    calendar.delete(slot)
  }
  waits.sort((a, b) => a - b)
  return waits[Math.floor(waits.length * 0.95)] as number

  function step(visit: Visit): void {
    if (visit.callsLeft > 0) {
      const atMs = call(visit.atMs) + upstreamMs / 2
      next({ ...visit, atMs, callsLeft: visit.callsLeft - 1 })
    } else if (visit.inferred) {
      waits.push(visit.atMs - visit.startMs)
    } else {
      next({ ...visit, atMs: lane.serve(visit.atMs, laneMs), callsLeft: CALLS_AFTER, inferred: true })
    }
  }
  function next(visit: Visit): void {
    // Never into a slot that is being worked on.
    plan({ ...visit, atMs: Math.max(visit.atMs, Math.floor(visit.atMs) + 1) })
  }
}

/** The highest rate at which the 95th percentile is at most twice that of a lone picture. */
function carries(plan: Plan): number {
  const idleMs = laneMs + gatewayMs + redisMs + CALLS * upstreamMs
  let low = 0.1
  let high = 20_000
  while (high / low > 1.02) {
    const middle = Math.sqrt(low * high)
    const ceiling = Math.min(
      (plan.lanes * 1_000) / laneMs,
      (plan.gateways * 1_000) / gatewayMs,
      (plan.shards * 1_000) / redisMs,
    )
    if (middle <= ceiling && p95Ms(plan, middle) <= 2 * idleMs) low = middle
    else high = middle
  }
  return low
}

const print = (line: string) => process.stdout.write(`${line}\n`)
print(
  `A picture costs ${laneMs} ms of a lane, ${gatewayMs} ms of a gateway, ${redisMs} ms of Redis; ${upstreamMs} ms to Redis and back`,
)
print("| | lanes | gateways | shards | carries, pictures/s | busiest |")
print("|---|---|---|---|---|---|")
for (const plan of PLANS) {
  const rate = carries(plan)
  const busy = {
    lanes: (rate * laneMs) / plan.lanes,
    gateways: (rate * gatewayMs) / plan.gateways,
    Redis: (rate * redisMs) / plan.shards,
  }
  const [name, ms] = Object.entries(busy).reduce((a, b) => (b[1] > a[1] ? b : a))
  print(
    `| ${[plan.name, plan.lanes, plan.gateways, plan.shards, rate.toFixed(0), `${name}, ${(ms / 10).toFixed(0)} %`].join(" | ")} |`,
  )
}

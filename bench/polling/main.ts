// Polls per ticket, delay added and load on the edge, by how clients poll. Simulated on recorded service times.
//   npm run bench:polling
import { readFileSync, writeFileSync } from "node:fs"
import { plot, type Series } from "./plot.ts"
import { type Outcome, simulate } from "./simulate.ts"
import { STRATEGIES } from "./strategies.ts"

const COUNTS = [1, 10, 100, 1_000, 10_000]
const COLOURS = ["#9a6700", "#8250df", "#0969da", "#bf3989", "#1a7f37"]
const serviceMs = JSON.parse(readFileSync(new URL("service-times.json", import.meta.url), "utf8")) as number[]

/** A small seeded generator (mulberry32), so that the plot changes only when the code does. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Small counts are run often, so that one lucky ticket decides nothing. */
function mean(tickets: number, strategy: (typeof STRATEGIES)[number], isMeasured: boolean): Outcome {
  const random = seeded(tickets)
  const runs = Array.from({ length: Math.max(1, Math.round(2_000 / tickets)) }, () =>
    simulate(strategy, { tickets, lanes: 2, serviceMs, roundTripMs: 5, isMeasured, random }),
  )
  const of = (key: keyof Outcome) => runs.reduce((sum, run) => sum + run[key], 0) / runs.length
  return {
    pollsPerTicket: of("pollsPerTicket"),
    looksPerTicket: of("looksPerTicket"),
    delayMeanMs: of("delayMeanMs"),
    delayP99Ms: of("delayP99Ms"),
    delayShare: of("delayShare"),
    requestsPerSecond: of("requestsPerSecond"),
  }
}

const print = (line: string) => process.stdout.write(`${line}\n`)
print(
  "| tickets at once | polling | polls per ticket | looks at Redis | delay added, mean | p99 | share of the wait | requests/s |",
)
print("|---|---|---|---|---|---|---|---|")
const outcomes = STRATEGIES.map((strategy) => COUNTS.map((tickets) => mean(tickets, strategy, true)))
const row = (tickets: number, name: string, outcome: Outcome) => {
  const { pollsPerTicket, looksPerTicket, delayMeanMs, delayP99Ms, delayShare, requestsPerSecond } = outcome
  const cells = [
    tickets.toLocaleString("en"),
    name,
    pollsPerTicket.toFixed(2),
    looksPerTicket.toFixed(2),
    `${delayMeanMs.toFixed(0)} ms`,
    `${delayP99Ms.toFixed(0)} ms`,
    `${(delayShare * 100).toFixed(1)} %`,
    requestsPerSecond.toFixed(0),
  ]
  print(`| ${cells.join(" | ")} |`)
}
COUNTS.forEach((tickets, at) => {
  STRATEGIES.forEach(({ name }, i) => {
    row(tickets, name, outcomes[i]?.[at] as Outcome)
  })
})
const hinted = STRATEGIES.at(-1)
if (hinted !== undefined) row(1_000, "hinted, speed not yet measured", mean(1_000, hinted, false))

const series = (value: (outcome: Outcome) => number): Series[] =>
  STRATEGIES.map(({ name }, i) => ({
    name,
    colour: COLOURS[i] ?? "#000",
    points: COUNTS.map((tickets, at) => [tickets, value(outcomes[i]?.[at] as Outcome)] as const),
  }))
const panels = [
  { title: "polls per ticket", series: series((o) => o.pollsPerTicket), minY: 1, maxY: 1_000, format: String },
  {
    title: "delay added, share of the wait",
    series: series((o) => o.delayShare),
    minY: 0.001,
    maxY: 10,
    format: (y: number) => `${Number((y * 100).toPrecision(2))} %`,
  },
]
writeFileSync(new URL("../../docs/polling.svg", import.meta.url), plot(panels, "tickets at once"))

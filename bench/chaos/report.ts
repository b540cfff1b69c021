import { cpus, loadavg, totalmem } from "node:os"
import { jobIdOf } from "./accounting.ts"
import type { BatchEntry } from "./batch-clients.ts"
import type { FaultProxy } from "./fault-proxy.ts"
import type { Ledger, Rule, Violation } from "./ledger.ts"
import type { ChaosOptions } from "./options.ts"
import type { PlannedFault, Side, Trouble } from "./plan.ts"
import type { RedisAudit } from "./redis-witness.ts"
import type { WebhookReceiver } from "./webhook-receiver.ts"
import type { WorkLog } from "./work-log.ts"

export type ChaosReport = {
  date: string
  machine: string
  command: string
  /** In the order in which a person would ask. */
  rows: [what: string, value: string][]
  violations: Violation[]
  events: Record<string, number>
}

export type Findings = {
  options: ChaosOptions
  startedAt: Date
  workMs: number
  plan: readonly PlannedFault[]
  faultsDone: number
  ledger: Ledger
  workLog: WorkLog
  audit: RedisAudit
  statuses: Readonly<Record<number, number>>
  proxies: Readonly<Record<Side, FaultProxy>>
  orphaned: number
  batches: readonly BatchEntry[]
  receiver: WebhookReceiver
  damaged: number
}

export function summarize(findings: Findings): ChaosReport {
  const { options, ledger, workLog, startedAt } = findings
  const { jobs, faults, seed, classifiers, edge, resultTtlS, only } = options
  return {
    date: startedAt.toISOString(),
    machine: `${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, ${Math.round(totalmem() / 2 ** 30)} GB, Node ${process.version}, load ${loadavg()
      .map((load) => load.toFixed(1))
      .join(" ")}`,
    command: `npm run chaos -- --jobs ${jobs} --faults ${faults} --seed ${seed} --classifiers ${classifiers} --edge ${edge} --result-ttl-s ${resultTtlS}${only === undefined ? "" : ` --only "${only.join(",")}"`}`,
    rows: [...rowsOfTickets(findings), ...rowsOfWork(findings), ...rowsOfFaults(findings), ...rowsOfRules(ledger)],
    violations: ledger.violations,
    events: workLog.events,
  }
}

type Rows = ChaosReport["rows"]

function rowsOfTickets({ ledger, workMs, statuses, batches, receiver }: Findings): Rows {
  const { entries } = ledger
  const finals = entries.flatMap(({ final }) => (final === null ? [] : [final]))
  const withStatus = (status: string) => finals.filter((ticket) => ticket.status === status).length
  const failedWith = (code: string) => finals.filter(({ error }) => error?.code === code).length
  const toldAgain = sum([...receiver.ends.values()].flat().map(({ accepted }) => Math.max(0, accepted - 1)))
  const waitsMs = entries
    .flatMap(({ submittedMs, doneSeenMs, spec }) =>
      doneSeenMs === null || spec.sleeps ? [] : [doneSeenMs - submittedMs],
    )
    .sort((a, b) => a - b)
  const waitMs = (share: number) => Math.round(waitsMs[Math.floor(waitsMs.length * share)] ?? 0)
  const requests = Object.entries(statuses)
    .map(([status, count]) => `${status === "0" ? "no answer" : status}: ${count}`)
    .join(", ")
  return [
    ["tickets given out", String(entries.filter(({ ticketId }) => ticketId !== null).length)],
    [
      "succeeded",
      `${withStatus("succeeded")}, ${finals.filter(({ cached }) => cached === true).length} of them known answers`,
    ],
    ["canceled", String(withStatus("canceled"))],
    [
      "DELETE answered 200 / 409",
      `${entries.filter(({ cancel }) => cancel === "told canceled").length} / ${entries.filter(({ cancel }) => cancel === "told finished").length}`,
    ],
    [
      "failed: attempts exhausted, deadline exceeded",
      `${failedWith("attempts_exhausted")}, ${failedWith("deadline_exceeded")}`,
    ],
    ["batches, canceled", `${batches.length}, ${batches.filter(({ final }) => final?.status === "canceled").length}`],
    ["gone after their time", String(entries.filter(({ isGone }) => isGone).length)],
    [
      "ends told by webhook, refused at first, told again, batch.progress",
      `${receiver.ends.size}, ${receiver.refused}, ${toldAgain}, ${receiver.progress}`,
    ],
    [
      "polls, reads of a ticket that was done",
      `${sum(entries.map(({ polls }) => polls))}, ${sum(entries.map(({ readsAfterDone }) => readsAfterDone))}`,
    ],
    ["submit to answer, p50 / p99 / max", `${waitMs(0.5)} / ${waitMs(0.99)} / ${waitMs(0.9999)} ms`],
    [
      "time under load, rate",
      `${Math.round(workMs / 1_000)} s, ${(entries.length / (workMs / 1_000)).toFixed(1)} jobs/s`,
    ],
    ["answers of the edge", requests],
  ]
}

function rowsOfWork({ ledger, workLog, audit, orphaned }: Findings): Rows {
  const ownWork = [...audit.jobs.values()].filter((job) => job.leader === undefined && job.cached !== true)
  const attempts = ownWork.map((job) => job.attempts)
  const again = attempts.filter((count) => count > 1).length
  const count = (event: string) => workLog.events[`classifier ${event}`] ?? 0
  const followers = [...audit.jobs.values()].filter((job) => job.leader !== undefined).length
  const tickets = new Set(ledger.entries.flatMap(({ ticketId }) => (ticketId === null ? [] : [jobIdOf(ticketId)])))
  return [
    ["jobs with work of their own, followers", `${ownWork.length}, ${followers}`],
    ["attempts, jobs with more than one, most", `${sum(attempts)}, ${again}, ${Math.max(0, ...attempts)}`],
    [
      "inferences kept, dropped (lease lost), stopped",
      `${count("job.completed")}, ${count("job.lease_lost")}, ${count("job.stopped")}`,
    ],
    ["jobs in the hands of killed classifiers", String(orphaned)],
    ["keys in Redis at the end", `${audit.keys}, of them ${audit.jobs.size} jobs of ${tickets.size} tickets`],
    ["orphaned payloads that expire within a minute", String(audit.payloads.length)],
  ]
}

function rowsOfFaults({ plan, faultsDone, proxies, damaged }: Findings): Rows {
  const kinds = new Map<string, number>()
  for (const { kind } of plan) kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
  const lost = (how: Trouble) => `${proxies.edge.lost[how]} + ${proxies.classifier.lost[how]}`
  return [
    ["faults", `${faultsDone} of ${plan.length}`],
    ...[...kinds].map(([kind, count]): [string, string] => [`· ${kind}`, String(count)]),
    ["requests lost (edge + classifier)", lost("request")],
    ["replies lost after they were carried out", lost("reply")],
    ["replies cut midway", lost("midway")],
    ["requests carried out late", lost("late")],
    ["damaged records, wake-ups dropped", `${damaged}, ${proxies.classifier.droppedMessages}`],
    ["of what classifiers lost, by TCP", String(proxies.classifier.lostByTcp)],
    ["event streams silenced", String(proxies.classifier.silencedStreams)],
  ]
}

const RULES: readonly Rule[] = [
  "lost",
  "stuck",
  "changed",
  "wrong answer",
  "came back",
  "canceled unasked",
  "wrong 409",
  "another ticket",
  "refused",
  "server error",
  "died",
  "failed",
  "finished twice",
  "attempt not counted",
  "left in Redis",
  "no TTL",
  "not told",
  "told twice",
  "does not add up",
]

function rowsOfRules({ violations }: Ledger): Rows {
  return RULES.map((rule) => [
    `violations: ${rule}`,
    String(violations.filter((violation) => violation.rule === rule).length),
  ])
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)

/** As a page in Markdown. */
export function renderReport({ date, machine, command, rows, violations }: ChaosReport): string {
  const table = [["", ""], ["---", "---"], ...rows].map(([what, value]) => `| ${what} | ${value} |`).join("\n")
  const list = violations.map(({ rule, ticket, detail }) => `- ${rule}: ${ticket ?? ""} ${detail}`).join("\n")
  return `${date}, ${machine}\n\n\`${command}\`\n\n${table}\n\n${violations.length === 0 ? "No violations." : list}\n`
}

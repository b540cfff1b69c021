import { RULES } from "./observer.ts"
import type { PeerReport, Phase } from "./run-peer.ts"

const HEAD = ["fault", "queue", "jobs", "faults", ...RULES, "started again", "died", "longest wait"]

/** As Markdown: a row for each kind of fault and queue. */
export function renderPeers(reports: readonly PeerReport[]): string {
  const kinds = [...new Set(reports.flatMap(({ phases }) => phases.map(({ kind }) => kind)))]
  const rows = kinds.flatMap((kind) =>
    reports.flatMap(({ system, phases }) =>
      phases.filter((phase) => phase.kind === kind).map((phase) => [kind, system, ...cellsOf(phase)]),
    ),
  )
  return `${[HEAD, HEAD.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")}\n`
}

function cellsOf({ faults, jobs, violations, startedAgain, deaths, longestWaitMs }: Phase): string[] {
  if (faults === 0) return [String(jobs), ...HEAD.slice(3).map(() => "–")]
  const counts = RULES.map((rule) => violations.filter((violation) => violation.rule === rule).length)
  return [jobs, faults, ...counts, startedAgain, deaths, `${(longestWaitMs / 1_000).toFixed(0)} s`].map(String)
}

import { RULES } from "./observer.ts"
import type { PeerReport, Phase } from "./run-peer.ts"

const COLUMNS: Record<string, (phase: Phase) => number | string> = {
  ...Object.fromEntries(RULES.map((rule) => [rule, (phase: Phase) => countOf(phase, rule)])),
  "started again": ({ startedAgain }) => startedAgain,
  died: ({ deaths }) => deaths,
  "longest wait, s": ({ longestWaitMs }) => Math.round(longestWaitMs / 1_000),
}

const countOf = ({ violations }: Phase, rule: string) =>
  violations.filter((violation) => violation.rule === rule).length

/** As Markdown: a row for each kind of fault; each cell has the queues in the order of its first line. */
export function renderPeers(reports: readonly PeerReport[]): string {
  const kinds = [...new Set(reports.flatMap(({ phases }) => phases.map(({ kind }) => kind)))]
  const rows = kinds.map((kind) => {
    const phases = reports.flatMap((report) => report.phases.filter((phase) => phase.kind === kind))
    const cellOf = (column: (phase: Phase) => number | string) =>
      phases.map((phase) => (phase.faults === 0 ? "–" : column(phase))).join(" / ")
    return [kind, ...Object.values(COLUMNS).map(cellOf)]
  })
  const head = ["fault", ...Object.keys(COLUMNS)]
  const table = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
  return `${reports.map(({ system }) => system).join(" / ")}\n\n${table}\n`
}

import { countOf, humanMs } from "../terminal/human-units.ts"
import { bar } from "../terminal/prediction-table.ts"
import type { Paint } from "../terminal/terminal.ts"
import { type Bin, histogram, quantile } from "./latencies.ts"
import type { Sample } from "./run-stress.ts"

export type StressReport = {
  requests: number
  answered: number
  failed: number
  cached: number
  took_ms: number
  per_second: number
  polls_per_ticket: number
  latency_ms: { min: number; p50: number; p90: number; p99: number; max: number } | null
  histogram: Bin[]
  failures: { code: string; message: string; count: number }[]
}

/** The samples as numbers. Latency is from the begin of the upload until the answer is in hand. */
export function summarize(samples: readonly Sample[], tookMs: number): StressReport {
  const good = samples.filter((sample) => "ms" in sample)
  const sorted = good.map(({ ms }) => ms).sort((a, b) => a - b)
  const at = (share: number) => round(quantile(sorted, share))
  return {
    requests: samples.length,
    answered: good.length,
    failed: samples.length - good.length,
    cached: good.filter(({ cached }) => cached).length,
    took_ms: round(tookMs),
    per_second: round(good.length / (tookMs / 1_000)),
    polls_per_ticket: good.length === 0 ? 0 : round(good.reduce((sum, { polls }) => sum + polls, 0) / good.length),
    latency_ms: good.length === 0 ? null : { min: at(0), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) },
    histogram: histogram(sorted),
    failures: groupFailures(samples),
  }
}

function groupFailures(samples: readonly Sample[]): StressReport["failures"] {
  const groups = new Map<string, StressReport["failures"][number]>()
  for (const sample of samples) {
    if (!("failure" in sample)) continue
    const { code, message } = sample.failure
    const group = groups.get(code) ?? { code, message, count: 0 }
    group.count++
    groups.set(code, group)
  }
  return [...groups.values()].sort((a, b) => b.count - a.count)
}

export function renderReport(report: StressReport, paint: Paint, columns = 80): string {
  const { requests, answered, failed, cached, took_ms: tookMs, latency_ms: latency } = report
  const verdict = paint(failed === 0 ? "green" : "red", `${answered} of ${requests}`)
  const facts = [
    `${verdict} answered in ${humanMs(tookMs)}`,
    `${report.per_second.toFixed(1)}/s`,
    `${report.polls_per_ticket.toFixed(2)} polls per ticket`,
    ...(cached > 0 ? [`${countOf(cached, "answer")} known before`] : []),
  ]
  const parts = [facts.join(" · ")]
  if (latency !== null) {
    const { p50, p90, p99, max } = latency
    const numbers = Object.entries({ p50, p90, p99, max }).map(([name, ms]) => `${paint("dim", name)} ${humanMs(ms)}`)
    parts.push(`  ${numbers.join("   ")}`, renderHistogram(report.histogram, paint, columns))
  }
  const failures = report.failures.map(
    ({ code, message, count }) => `${paint("red", `${count} failed`)}: ${message} (${code})`,
  )
  if (failures.length > 0) parts.push(failures.join("\n"))
  return parts.join("\n\n")
}

export function renderHistogram(bins: readonly Bin[], paint: Paint, columns: number): string {
  const most = Math.max(1, ...bins.map(({ count }) => count))
  // One unit for all of them, so that the rows compare.
  const inSeconds = (bins.at(-1)?.to_ms ?? 0) > 1_000
  const labels = bins.map((bin) => rangeText(bin, inSeconds))
  const labelColumns = Math.max(...labels.map(({ length }) => length))
  const countColumns = String(most).length
  const barColumns = Math.max(8, Math.min(50, columns - labelColumns - countColumns - 8))
  return bins
    .map(({ count }, i) => {
      // Every bucket with a value is visible: a tail of one matters.
      const strip = bar(Math.max(count / most, count > 0 ? 1 / (8 * barColumns) : 0), barColumns)
      return `  ${(labels[i] ?? "").padStart(labelColumns)}  ${paint("dim", String(count).padStart(countColumns))} ${paint("cyan", strip)}`.trimEnd()
    })
    .join("\n")
}

function rangeText({ from_ms, to_ms }: Bin, inSeconds: boolean): string {
  if (!inSeconds) return `${from_ms} – ${to_ms} ms`
  const stepMs = to_ms - from_ms
  const digits = stepMs >= 1_000 ? 0 : stepMs >= 100 ? 1 : stepMs >= 10 ? 2 : 3
  return `${(from_ms / 1_000).toFixed(digits)} – ${(to_ms / 1_000).toFixed(digits)} s`
}

const round = (value: number) => Math.round(value * 100) / 100

import type { Registry } from "prom-client"
import { createMetrics, createWebhookCounter } from "../../../src/classifier/health/metrics.ts"
import { addModelMetrics } from "../../../src/classifier/health/model-metrics.ts"
import { createGatewayMetrics } from "../../../src/gateway/metrics.ts"
import { createRegistry } from "../../../src/health/create-registry.ts"
import { addHttpMetrics, addProblemMetrics } from "../../../src/health/http-metrics.ts"
import { addQueueMetrics, type QueueSource } from "../../../src/health/queue-metrics.ts"

/** As each part puts its metrics together; nothing is read. */
function registries(): Record<string, Registry> {
  const findProblem = async () => null
  const edge = createRegistry(findProblem)
  const classifier = createRegistry(findProblem)
  const deliverer = createRegistry(findProblem)
  const source = {} as QueueSource
  addProblemMetrics(edge, addHttpMetrics(edge))
  createMetrics(classifier, { lanes: () => 0, free: () => 0, active: () => 0 })
  addModelMetrics(classifier, { models: [], held: [] })
  for (const registry of [classifier, deliverer]) createWebhookCounter(registry)
  for (const registry of [edge, classifier, deliverer]) addQueueMetrics(registry, source)
  const gateway = createGatewayMetrics({ isReady: () => true }, findProblem).registry
  return { edge, gateway, classifier, deliverer }
}

type Described = { name: string; help: string; type: string; labelNames: readonly string[] }
export type MetricRow = Described & { unit: string; parts: string[] }

/** Every metric of our own, by the registries of the parts. */
export function describeMetrics(): MetricRow[] {
  const rows = new Map<string, MetricRow>()
  for (const [part, registry] of Object.entries(registries())) {
    for (const { name, help, type, labelNames } of registry.getMetricsAsArray() as unknown as Described[]) {
      if (!name.startsWith("claimcheck_")) continue
      const row = rows.get(name)
      if (row !== undefined && (row.type !== type || String(row.labelNames) !== String(labelNames)))
        throw new Error(`${name} is two metrics`)
      if (row !== undefined) row.parts.push(part)
      else rows.set(name, { name, help, type, labelNames: [...labelNames], unit: unitOf(name), parts: [part] })
    }
  }
  return [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function unitOf(name: string): string {
  return /_(seconds|bytes)(_total)?$/.exec(name)?.[1] ?? "count"
}

/** The table of docs/metrics.md. */
export function metricsTable(): string {
  const rows = describeMetrics().map(({ name, type, unit, labelNames, parts, help }) => {
    const labels = labelNames.map((label) => `\`${label}\``).join(", ")
    return `| \`${name}\` | ${type} | ${unit} | ${labels} | ${parts.join(", ")} | ${help} |`
  })
  return ["| metric | type | unit | labels | parts | |", "|---|---|---|---|---|---|", ...rows].join("\n")
}

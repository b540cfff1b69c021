import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client"

/** What Prometheus may scrape. */
export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics({
  lanes,
  free,
  active,
}: {
  lanes: () => number
  free: () => number
  active: () => number
}) {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: `claimcheck_${name}`,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  gauge("lanes", "Lanes of this classifier", lanes)
  gauge("lanes_free", "Lanes that could take a job at once", free)
  gauge("jobs_in_hand", "Jobs that are claimed and not finished", active)
  return {
    registry,
    jobs: new Counter({
      name: "claimcheck_jobs_total",
      help: "Attempts by outcome",
      labelNames: ["queue", "outcome"] as const,
      registers: [registry],
    }),
    stageSeconds: new Histogram({
      name: "claimcheck_stage_seconds",
      help: "Seconds per job and stage: fetch, decode, infer, finish",
      labelNames: ["queue", "stage"] as const,
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers: [registry],
    }),
    webhooks: new Counter({
      name: "claimcheck_webhook_attempts_total",
      help: "Webhook attempts by outcome",
      labelNames: ["outcome"] as const,
      registers: [registry],
    }),
    claims: new Counter({
      name: "claimcheck_claims_total",
      help: "Claims by result",
      labelNames: ["found"] as const,
      registers: [registry],
    }),
  }
}

import { Counter, Gauge, Histogram, type Registry } from "prom-client"
import { addGauge } from "../../health/create-registry.ts"
import type { EngineName } from "../models/model-info.ts"

export type Metrics = ReturnType<typeof createMetrics>
type Source = { engine?: EngineName; lanes: () => number; free: () => number; active: () => number }

/** What a classifier counts of its own. */
export function createMetrics(registry: Registry, { engine = "wasm", lanes, free, active }: Source) {
  const registers = [registry]
  new Gauge({
    name: "claimcheck_lanes",
    help: "Lanes of this classifier, by the engine that they run",
    labelNames: ["engine"] as const,
    registers,
    collect() {
      this.set({ engine }, lanes())
    },
  })
  addGauge(registry, "claimcheck_lanes_free", "Lanes that could take a job at once", free)
  addGauge(registry, "claimcheck_jobs_active", "Jobs that are claimed and not finished", active)
  return {
    jobs: new Counter({
      name: "claimcheck_jobs_total",
      help: "Attempts by how they ended",
      labelNames: ["queue", "outcome"] as const,
      registers,
    }),
    stageSeconds: new Histogram({
      name: "claimcheck_job_stage_duration_seconds",
      help: "Time per job and stage: fetch, decode, infer, finish",
      labelNames: ["queue", "stage"] as const,
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
      registers,
    }),
    claims: new Counter({
      name: "claimcheck_claims_total",
      help: "Claims by what they found",
      labelNames: ["found"] as const,
      registers,
    }),
  }
}

/** Counts attempts to deliver webhooks, in a classifier or in a deliverer of its own. */
export function createWebhookCounter(registry: Registry) {
  return new Counter({
    name: "claimcheck_webhook_attempts_total",
    help: "Attempts to deliver a webhook by what became of it",
    labelNames: ["outcome"] as const,
    registers: [registry],
  })
}

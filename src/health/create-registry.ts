import { collectDefaultMetrics, Gauge, Registry } from "prom-client"
import type { AppError } from "../lib/app-error.ts"

/** Why a part cannot do its work now, or null. */
export type FindProblem = () => Promise<AppError | null>

/** What every part has: the metrics of its process, and whether it is ready. */
export function createRegistry(findProblem: FindProblem): Registry {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  addGauge(registry, "claimcheck_ready", "1 when /readyz of this part answers 200", async () =>
    (await findProblem()) === null ? 1 : 0,
  )
  return registry
}

/** A gauge that is read when it is scraped. */
export function addGauge(registry: Registry, name: string, help: string, read: () => number | Promise<number>): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      this.set(await read())
    },
  })
}

import * as z from "zod"
import { healthEnv } from "../health/config.ts"
import { createRegistry } from "../health/create-registry.ts"
import { startHealthServer } from "../health/health-server.ts"
import { addHttpMetrics, addProblemMetrics } from "../health/http-metrics.ts"
import { addQueueMetrics } from "../health/queue-metrics.ts"
import { warnMisspelt } from "../health/warn-misspelt.ts"
import { AppError } from "../lib/app-error.ts"
import { type Env, parseEnv } from "../lib/env.ts"
import { edgeEnv } from "./config.ts"
import { assertReady } from "./readiness.ts"
import type { Services } from "./services.ts"

/** What node.ts reads itself. */
const NODE_NAMES = ["PORT", "HOST", "MAX_CONNECTIONS", "SHUTDOWN_DELAY_MS", "TRUSTED_PROXIES"]
const healthSchema = z.object(healthEnv(8789))

/** Probes and metrics of the edge on Node, on a port of their own: the API's is open to strangers. @throws ConfigError */
export function createNodeHealth(services: Services, env: Env) {
  const { HEALTH_HOST: host, HEALTH_PORT: port, ALLOWED_HOSTS: names } = parseEnv(healthSchema, env)
  const findProblem = async () => {
    try {
      await assertReady(services)
      return null
    } catch (error) {
      if (error instanceof AppError) return error
      throw error
    }
  }
  warnMisspelt(services.log, env as NodeJS.ProcessEnv, [
    ...Object.keys(edgeEnv.shape),
    ...Object.keys(healthSchema.shape),
    ...NODE_NAMES,
  ])
  const registry = createRegistry(findProblem)
  const { redis, keys, limits, now, log } = services
  addQueueMetrics(registry, { redis, keys, limits, now, registry: { read: () => services.registry.snapshot() } })
  const allowedHosts = [host.toLowerCase(), ...names]
  return {
    observe: addProblemMetrics(registry, addHttpMetrics(registry)),
    listen: () => startHealthServer({ host, port, allowedHosts, registry, findProblem, log }),
  }
}

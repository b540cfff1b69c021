import { Counter, Gauge } from "prom-client"
import { addGauge, createRegistry, type FindProblem } from "../health/create-registry.ts"
import { addHttpMetrics } from "../health/http-metrics.ts"
import { REDIS_COMMANDS } from "../lib/redis/redis.ts"
import type { RedisLink } from "./redis/redis-link.ts"

export type GatewayMetrics = ReturnType<typeof createGatewayMetrics>

/** Callers name commands: what claimcheck does not use is counted together. */
const COMMANDS = new Set<string>([...REDIS_COMMANDS, "eval", "evalsha", "set"])

export function createGatewayMetrics(redis: Pick<RedisLink, "isReady">, findProblem: FindProblem) {
  const registry = createRegistry(findProblem)
  addGauge(registry, "claimcheck_redis_up", "1 while the gateway is connected to Redis", () => Number(redis.isReady()))
  const registers = [registry]
  const commands = new Counter({
    name: "claimcheck_gateway_commands_total",
    help: "Commands sent to Redis, those of pipelines and transactions too",
    labelNames: ["command"] as const,
    registers,
  })
  return {
    registry,
    observe: addHttpMetrics(registry),
    countCommand(name: string): void {
      const command = name.toLowerCase()
      commands.inc({ command: COMMANDS.has(command) ? command : "other" })
    },
    /** Event streams that are open. */
    streams: new Gauge({ name: "claimcheck_gateway_streams", help: "Event streams that are open", registers }),
  }
}

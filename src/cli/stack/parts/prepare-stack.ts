import { mkdirSync } from "node:fs"
import { join } from "node:path"
import type { RedisEnv } from "../../../redis-tcp/open-redis.ts"
import { CliError } from "../../cli-error.ts"
import { acceptsConnections } from "../processes/probes.ts"
import { findRedis } from "../redis/find-redis.ts"
import type { StackOutput } from "../stack-output.ts"
import { choosePort, isPortFree, type PortWish } from "./choose-port.ts"
import { edgeVariables, type RestEndpoint } from "./edge-variables.ts"
import type { Part } from "./part.ts"
import { classifierPart, gatewayPart, nodeEdgePart, redisPart, workerdEdgePart } from "./parts.ts"
import { redactUrl } from "./redact-url.ts"
import { keepSecrets, type Secrets, signing } from "./secrets.ts"
import type { StackConfig } from "./stack-config.ts"

/** The parts by stage: a stage starts when the one before it is up, its own parts at once. */
export type StackPlan = { stages: Part[][]; url: string; rest: RestEndpoint }

/** Finds or makes what the parts need: Redis, ports, secrets. Starts nothing that stays. */
export async function prepareStack(config: StackConfig, output: StackOutput, signal: AbortSignal): Promise<StackPlan> {
  const secrets = keepSecrets(join(config.home, "secrets.json"))
  const takePort = portTaker(output)
  const port = await takePort(config.ports.edge)
  const { stages, rest, redis } = await planQueue(config, secrets, { output, takePort, signal })
  const healthPort = await takePort(config.ports.health)
  const classifier = classifierPart(signing(config, secrets.webhookSecrets), redis, { healthPort })
  const edge = await planEdge(config, edgeVariables(config.env, rest, secrets.ticketSecrets), {
    port,
    output,
    takePort,
  })
  const { url, token } = rest
  return { stages: [...stages, [classifier, edge]], url: `http://localhost:${port}`, rest: { url, token } }
}

type TakePort = (wish: PortWish) => Promise<number>
type QueueNeeds = { output: StackOutput; takePort: TakePort; signal: AbortSignal }

async function planQueue(
  config: StackConfig,
  secrets: Secrets,
  { output, takePort, signal }: QueueNeeds,
): Promise<{ stages: Part[][]; rest: RestEndpoint; redis: RedisEnv }> {
  const { queue, env } = config
  if (queue.kind === "rest") {
    const shown = redactUrl(queue.url)
    output.say("stack.redis_given", { url: shown }, partRow("redis", "yours, over REST", shown))
    const { url: UPSTASH_REDIS_REST_URL, token: UPSTASH_REDIS_REST_TOKEN } = queue
    return { stages: [], rest: queue, redis: { UPSTASH_REDIS_REST_URL, UPSTASH_REDIS_REST_TOKEN } }
  }
  const stages: Part[][] = []
  let redisUrl: string
  if (queue.kind === "redis-url") {
    redisUrl = queue.url
    await assertReachable(redisUrl)
    output.say("stack.redis_given", { url: redactUrl(redisUrl) }, partRow("redis", "yours", redactUrl(redisUrl)))
  } else {
    const announce = (how: string) =>
      output.say("stack.installing_redis", { how }, `  There is no redis-server here. Installing one: ${how} …`)
    const program = await findRedis(announce, signal)
    const folder = join(config.home, "redis")
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const port = await takePort(config.ports.redis)
    const { redisPassword: password } = secrets
    redisUrl = `redis://:${password}@127.0.0.1:${port}`
    stages.push([redisPart(config, program, { port, folder, password })])
  }
  const port = await takePort(config.ports.gateway)
  const token = env.UPSTASH_REDIS_REST_TOKEN || secrets.gatewayToken
  stages.push([gatewayPart(config, redisUrl, { port, token })])
  return { stages, rest: { url: `http://127.0.0.1:${port}`, token }, redis: { REDIS_URL: redisUrl } }
}

async function planEdge(
  config: StackConfig,
  variables: Record<string, string>,
  { port, output, takePort }: { port: number; output: StackOutput; takePort: TakePort },
): Promise<Part> {
  const inspectorPort = config.inspect ? await takePort(config.ports.inspector) : undefined
  if (inspectorPort !== undefined) {
    const address = `127.0.0.1:${inspectorPort}`
    const sentence = `  A debugger may connect to the API at ${address}, and so may any page in a browser on this machine: whoever does can read its secrets.`
    output.warn("stack.inspector", { address }, sentence)
  }
  if (config.edgeRuntime === "node") return nodeEdgePart(config, variables, { port, inspectorPort })
  const folder = join(config.home, "workerd")
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return workerdEdgePart(config, variables, { port, inspectorPort, folder })
}

function portTaker(output: StackOutput): TakePort {
  const chosen = new Set<number>()
  return async (wish) => {
    const { port, moved } = await choosePort(wish, isPortFree, chosen)
    chosen.add(port)
    if (moved) {
      const sentence = `  Port ${wish.port} (${wish.name}) is taken by another program: using ${port}.`
      output.warn("stack.port_taken", { name: wish.name, wished: wish.port, port }, sentence)
    }
    return port
  }
}

async function assertReachable(redisUrl: string): Promise<void> {
  const { hostname, port } = new URL(redisUrl)
  const host = hostname.replace(/^\[(.*)\]$/, "$1")
  if (await acceptsConnections(host, Number(port || 6379), AbortSignal.timeout(5_000))) return
  throw new CliError(`Cannot reach the Redis of REDIS_URL (${redactUrl(redisUrl)}): is it running?`)
}

/** One calm line per part. */
export function partRow(name: string, what: string, address: string, took = ""): string {
  return `  ${name.padEnd(11)} ${what.padEnd(50)} ${address.padEnd(32)} ${took}`.trimEnd()
}

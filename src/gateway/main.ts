import { hostname } from "node:os"
import type { FindProblem } from "../health/create-registry.ts"
import { warnMisspelt } from "../health/warn-misspelt.ts"
import { parseEnv } from "../lib/env.ts"
import { createLog } from "../lib/log.ts"
import { sleep } from "../lib/sleep.ts"
import { createGateway } from "./app.ts"
import { gatewayEnv } from "./config.ts"
import { createGatewayMetrics } from "./metrics.ts"
import { createReadiness } from "./redis/readiness.ts"
import { connectRedis } from "./redis/redis-link.ts"
import { listenGateway } from "./server.ts"

const log = createLog({ server: hostname(), script: "gateway", write: (line) => process.stdout.write(`${line}\n`) })

const LOOK_MS = 500

async function main(): Promise<void> {
  const config = parseEnv(gatewayEnv, process.env)
  const redis = connectRedis({ url: config.REDIS_URL, log })
  const findProblem = createReadiness(redis, { allowEviction: config.ALLOW_EVICTION })
  const { UPSTASH_REDIS_REST_TOKEN: token, ALLOWED_HOSTS: hosts, GATEWAY_HOST: host, GATEWAY_PORT: port } = config
  warnMisspelt(log, process.env, Object.keys(gatewayEnv.shape))
  const metrics = createGatewayMetrics(redis, findProblem)
  const app = createGateway({ redis, token, hosts, log, findProblem, metrics })
  const server = await listenGateway(app, { host, port })

  const stop = async (signal: NodeJS.Signals) => {
    log.info("gateway.stopping", { signal })
    // Subscriptions first: the server would wait for their streams.
    redis.closeSubscriptions()
    await server.close()
    redis.close()
    process.exit(0)
  }
  process.once("SIGTERM", stop)
  process.once("SIGINT", stop)

  await redis.connected.then(
    async () => {
      await untilReady(findProblem)
      log.info("gateway.ready", { url: server.url })
    },
    // The link was closed before it ever reached Redis, by stop().
    () => undefined,
  )
}

/** Logs each reason for not being ready once. */
async function untilReady(findProblem: FindProblem): Promise<void> {
  let loggedCode: string | undefined
  for (let problem = await findProblem(); problem !== null; problem = await findProblem()) {
    if (problem.code !== loggedCode) log.error("gateway.not_ready", { error: problem })
    loggedCode = problem.code
    await sleep(LOOK_MS)
  }
}

main().catch((error: unknown) => {
  log.error("gateway.failed", { error, code: error instanceof Error && "code" in error ? error.code : undefined })
  process.exit(1)
})

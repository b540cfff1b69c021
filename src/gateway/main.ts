import { hostname } from "node:os"
import { createLog } from "../lib/log.ts"
import { createGateway } from "./app.ts"
import { readGatewayConfig } from "./config.ts"
import { connectRedis } from "./redis-link.ts"
import { listenGateway } from "./server.ts"

const log = createLog({ server: hostname(), script: "gateway", write: (line) => process.stdout.write(`${line}\n`) })

async function main(): Promise<void> {
  const { redisUrl, token, host, port, hosts } = readGatewayConfig(process.env)
  const redis = connectRedis({ url: redisUrl, log })
  const server = await listenGateway(createGateway({ redis, token, hosts, log }), { host, port })

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
    () => log.info("gateway.ready", { url: server.url }),
    // The link was closed before Redis was ever reached: stop() is at work.
    () => undefined,
  )
}

main().catch((error: unknown) => {
  log.error("gateway.failed", { error, code: error instanceof Error && "code" in error ? error.code : undefined })
  process.exit(1)
})

import { randomBytes } from "node:crypto"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import {
  classifierPart,
  gatewayPart,
  nodeEdgePart,
  redisPart,
  workerdEdgePart,
} from "../../src/cli/stack/parts/parts.ts"
import { findExecutable } from "../../src/cli/stack/redis/find-executable.ts"
import { newWebhookSecret } from "../../src/lib/webhooks/webhook-secret.ts"
import { freePorts } from "../../test/support/free-ports.ts"
import { type PictureServer, startPictureServer } from "../../test/support/servers/picture-server.ts"
import { FaultProxy } from "./fault-proxy.ts"
import { ManagedProcess } from "./managed-process.ts"
import type { ChaosOptions } from "./options.ts"
import { drawPictures } from "./pictures.ts"
import type { Side } from "./plan.ts"
import { randomFor } from "./random.ts"
import { startReaper } from "./reaper.ts"
import { TcpFaultProxy } from "./tcp-fault-proxy.ts"
import { WallClock } from "./wall-clock.ts"
import { WebhookReceiver } from "./webhook-receiver.ts"

export type Stack = {
  edgeUrl: string
  redisUrl: string
  redis: ManagedProcess
  gateway: ManagedProcess
  edge: ManagedProcess
  classifiers: readonly ManagedProcess[]
  proxies: Record<Side, FaultProxy>
  clocks: Record<Side, WallClock>
  receiver: WebhookReceiver
  /** Has what the rows of batches name. */
  pictures: PictureServer
  /** Records that were planted and cannot be read. */
  damaged: number
  /** Ends everything in order. */
  close(): Promise<void>
  /** Ends everything at once. */
  kill(): void
}

export type StackEvents = {
  onLine: (process: string, line: string) => void
  onDeath: (process: ManagedProcess, why: string) => void
}

/** Starts the parts of `claimcheck start`, as they are, with fault proxies between both sides and the queue. */
export async function startStack(options: ChaosOptions, apiKeys: string, events: StackEvents): Promise<Stack> {
  const { root, folder, seed } = options
  mkdirSync(join(folder, "redis"), { recursive: true })
  const [redisPort = 0, gatewayPort = 0, edgePort = 0] = await freePorts(3)
  const token = randomBytes(16).toString("hex")
  const reaper = startReaper(root)
  const proxies = {
    edge: await FaultProxy.start(gatewayPort, randomFor(seed, "edge proxy")),
    classifier: await FaultProxy.start(gatewayPort, randomFor(seed, "classifier proxy")),
  }
  const clocks = {
    edge: new WallClock(join(folder, "edge-clock")),
    classifier: new WallClock(join(folder, "classifier-clock")),
  }
  const receiver = new WebhookReceiver(randomFor(seed, "webhook receiver"))
  await receiver.start()
  const pictures = await startPictureServer({ pictures: drawPictures(seed, 3), latencyMs: 20 })
  const ground = { root, env: sharedEnv(options) }
  const edgeGround = { root: options.edgeRoot, env: { ...ground.env, ...clocks.edge.env } }
  const classifierEnv = {
    ALLOW_ADDRESSES: `${receiver.address} ${pictures.address}`,
    WEBHOOK_SECRETS: newWebhookSecret(),
    ...clocks.classifier.env,
  }
  const classifierGround = { root, env: { ...ground.env, ...classifierEnv } }
  const password = randomBytes(16).toString("hex")
  const redisUrl = `redis://:${password}@127.0.0.1:${redisPort}`
  const edgeEnv = {
    ...queueEnv(options),
    UPSTASH_REDIS_REST_URL: proxies.edge.url,
    UPSTASH_REDIS_REST_TOKEN: token,
    TICKET_SECRET: randomBytes(16).toString("hex"),
    API_KEYS: apiKeys,
    ALLOW_ANONYMOUS: "true",
    RATE_LIMIT: "off",
    READ_LIMIT: "off",
    // No deadline but those that a client asks for, also when the clock of Redis steps.
    JOB_DEADLINE_MS: "86400000",
    ALLOW_ADDRESSES: `${receiver.address} ${pictures.address}`,
  }
  const edgePart = () => {
    if (options.edge === "node") return nodeEdgePart(edgeGround, edgeEnv, { port: edgePort })
    return workerdEdgePart({ ...ground, root: options.edgeRoot }, edgeEnv, { port: edgePort, folder })
  }
  const manage = (name: string, part: ConstructorParameters<typeof ManagedProcess>[1]): ManagedProcess => {
    const managed: ManagedProcess = new ManagedProcess(name, part, {
      logFile: join(folder, `${name.replaceAll(" ", "-")}.log`),
      reaper,
      onLine: (line) => events.onLine(name, line),
      onDeath: (why) => events.onDeath(managed, why),
    })
    return managed
  }

  const redis = manage(
    "redis",
    redisPart(ground, findRedis(), { port: redisPort, folder: join(folder, "redis"), password }),
  )
  const gateway = manage("gateway", gatewayPart(ground, redisUrl, { port: gatewayPort, token }))
  const edge = manage("edge", edgePart())
  // Every other one by TCP: they share their queue, and what befalls their side.
  const tcpProxy = await TcpFaultProxy.start(redisPort, proxies.classifier)
  const viaTcp = { REDIS_URL: `redis://:${password}@127.0.0.1:${tcpProxy.port}` }
  const viaRest = { UPSTASH_REDIS_REST_URL: proxies.classifier.url, UPSTASH_REDIS_REST_TOKEN: token }
  const classifiers = Array.from({ length: options.classifiers }, (_, i) =>
    manage(`classifier ${i + 1}`, classifierPart(classifierGround, i % 2 === 0 ? viaRest : viaTcp, { healthPort: 0 })),
  )
  const kill = () => {
    for (const process of [edge, ...classifiers, gateway, redis]) process.kill()
  }
  process.once("exit", kill)
  const stack: Stack = {
    edgeUrl: `http://127.0.0.1:${edgePort}`,
    redisUrl,
    redis,
    gateway,
    edge,
    classifiers,
    proxies,
    clocks,
    receiver,
    pictures,
    damaged: 0,
    async close() {
      await Promise.all([edge, ...classifiers].map((process) => process.close()))
      await gateway.close()
      await redis.close()
      await Promise.all([
        proxies.edge.close(),
        proxies.classifier.close(),
        tcpProxy.close(),
        receiver.close(),
        pictures.close(),
      ])
      reaper.end()
      process.off("exit", kill)
    },
    kill,
  }
  try {
    await redis.start()
    await gateway.start()
    await Promise.all([edge, ...classifiers].map((process) => process.start()))
    return stack
  } catch (error) {
    kill()
    await stack.close()
    throw error
  }
}

const queueEnv = ({ leaseMs, maxAttempts, resultTtlS }: ChaosOptions) => ({
  LEASE_MS: String(leaseMs),
  MAX_ATTEMPTS: String(maxAttempts),
  RESULT_TTL_S: String(resultTtlS),
})

/** What configures the stack comes from the bench, not from whoever runs it. */
function sharedEnv(options: ChaosOptions): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env
  return { PATH, HOME, NODE_ENV: "production", LANES: "1", ...queueEnv(options) }
}

function findRedis() {
  const path = findExecutable(["redis-server", "valkey-server"])
  if (path === null) throw new Error('Cannot find redis-server: install it with "apt-get install redis-server"')
  return { path, title: "Redis" }
}

import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createGateway, type GatewayOptions } from "../../../src/gateway/app.ts"
import { connectRedis } from "../../../src/gateway/redis/redis-link.ts"
import { listenGateway } from "../../../src/gateway/server.ts"
import { silentLog } from "../../../src/lib/log.ts"
import { freePort } from "../free-ports.ts"

const BINARY = "/usr/bin/redis-server"

export type TestRedis = {
  url: string
  port: number
  dir: string
  /** Ends it for good, and removes the folder it was given none for. */
  stop(): Promise<void>
  /** SIGKILL; `restart()` brings it back with what the append-only file holds. */
  kill(): Promise<void>
  /** Stops it in order if it runs, and starts it on the same port and folder. */
  restart(): Promise<void>
  /** SIGSTOP: it keeps its port and answers nobody. */
  pause(): void
  resume(): void
}

/** A private Redis on a free loopback port. Fails, with what to install, where there is none. */
export async function startRedis(options: { appendOnly?: boolean; dir?: string } = {}): Promise<TestRedis> {
  if (!existsSync(BINARY)) throw new Error(`Cannot find ${BINARY}: install it with "apt-get install redis-server"`)
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "claimcheck-redis-")))
  const port = await freePort()
  let child = await spawnRedis(port, dir, options.appendOnly ?? false)

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    dir,
    async stop() {
      await end(child, "SIGTERM")
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true })
    },
    kill: () => end(child, "SIGKILL"),
    async restart() {
      await end(child, "SIGTERM")
      child = await spawnRedis(port, dir, options.appendOnly ?? false)
    },
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
  }
}

export type TestGateway = { url: string; token: string; close(): Promise<void> }

/** A gateway in this process, in front of that Redis; resolves when it is connected. */
export async function startGateway({
  redisUrl,
  token = "test-token",
  log = silentLog,
  port = 0,
  silenceLimitMs,
  ...options
}: { redisUrl: string; port?: number; silenceLimitMs?: number } & Partial<
  Omit<GatewayOptions, "redis">
>): Promise<TestGateway> {
  const redis = connectRedis({ url: redisUrl, log, ...(silenceLimitMs === undefined ? {} : { silenceLimitMs }) })
  const server = await listenGateway(createGateway({ redis, token, log, ...options }), { host: "127.0.0.1", port })
  await redis.connected
  return {
    url: server.url,
    token,
    async close() {
      redis.closeSubscriptions()
      await server.close()
      redis.close()
    },
  }
}

async function spawnRedis(port: number, dir: string, appendOnly: boolean): Promise<ChildProcess> {
  const settings = { port, dir, bind: "127.0.0.1", save: "", appendonly: appendOnly ? "yes" : "no" }
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
  const child = spawn(BINARY, args, { stdio: ["ignore", "pipe", "inherit"] })
  const killWithUs = () => void child.kill("SIGKILL")
  process.once("exit", killWithUs)
  child.once("exit", () => process.off("exit", killWithUs))

  let output = ""
  child.stdout?.on("data", (chunk) => {
    output = (output + chunk).slice(-4000)
  })
  while (!(await answersPing(port))) {
    if (child.exitCode !== null) throw new Error(`Cannot start redis-server, exit code ${child.exitCode}:\n${output}`)
  }
  return child
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, "exit")
  // A paused process takes no SIGTERM until it goes on.
  if (signal !== "SIGKILL") child.kill("SIGCONT")
  child.kill(signal)
  await exited
}

/** Waits for +PONG; a Redis that still loads its file answers with an error, a missing one after a moment with nothing. */
function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"))
    const finish = (answer: boolean) => {
      socket.destroy()
      if (answer) resolve(true)
      else setTimeout(resolve, 10, false)
    }
    socket.once("data", (reply) => finish(reply.toString().startsWith("+PONG")))
    socket.once("error", () => finish(false))
    socket.once("end", () => finish(false))
  })
}

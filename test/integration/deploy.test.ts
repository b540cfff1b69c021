import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"
import { glob } from "tinyglobby"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parse } from "yaml"
import { classifierEnv } from "../../src/classifier/config.ts"
import { listProcesses } from "../../src/cli/stack/processes/process-list.ts"
import { edgeEnv } from "../../src/edge/config.ts"
import { gatewayEnv } from "../../src/gateway/config.ts"
import { healthEnv } from "../../src/health/config.ts"
import { JobStore } from "../../src/lib/queue/job-store.ts"
import { createKeys } from "../../src/lib/redis/keys.ts"
import { evictionProblem, readMemory } from "../../src/lib/redis/memory.ts"
import { connectTcp } from "../../src/redis-tcp/tcp.ts"
import { freePort } from "../support/free-ports.ts"
import { claimOf, jobOf, submit, success } from "../support/store/store-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../support/store/store-limits.ts"

const run = promisify(execFile)
const MAX_WORKER_BYTES = 300_000
const UNIT = "deploy/claimcheck-classifier.service"

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "claimcheck-deploy-"))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe("what is deployed", () => {
  it("wrangler packs a worker of at most 300 kB, gzipped", { timeout: 60_000 }, async () => {
    const args = ["deploy", "--dry-run", "--outdir", folder]
    await run("node_modules/.bin/wrangler", args, { env: { ...process.env, WRANGLER_SEND_METRICS: "false" } })
    const files = (await readdir(folder)).filter((name) => !name.endsWith(".map") && name !== "README.md")
    const sizes = await Promise.all(files.map(async (name) => gzipSync(await readFile(join(folder, name))).length))
    const bytes = sizes.reduce((sum, size) => sum + size, 0)
    process.stdout.write(`worker: ${(bytes / 1_000).toFixed(0)} kB gzipped\n`)
    expect(bytes).toBeGreaterThan(10_000)
    expect(bytes).toBeLessThan(MAX_WORKER_BYTES)
  })

  it("deno finds every module and every type of its entry", { timeout: 60_000 }, async () => {
    await run("node_modules/.bin/deno", ["check", "--no-lock", "--node-modules-dir=manual", "src/edge/deno.ts"])
  })

  it("deno runs the build that deno.json gives to Deno Deploy", { timeout: 60_000 }, async () => {
    const { deploy } = JSON.parse(await readFile("deno.json", "utf8")) as { deploy: { build: string } }
    const [command = "", ...args] = deploy.build.split(" ")
    await run(`node_modules/.bin/${command}`, args)
  })

  it("make-env.sh gives every secret that compose.yaml asks for, and other ones each time", async () => {
    const [first, second] = await Promise.all([run("deploy/make-env.sh"), run("deploy/make-env.sh")])
    const made = first.stdout.split("\n").map((line) => line.split("=")[0])
    expect(first.stdout.split("\n").filter((line) => second.stdout.includes(line))).toEqual([
      "ALLOW_ANONYMOUS=false",
      "",
    ])
    const asked = [...(await readFile("compose.yaml", "utf8")).matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name)
    expect(new Set(asked)).toEqual(new Set(["REDIS_PASSWORD", "UPSTASH_REDIS_REST_TOKEN", "TICKET_SECRET"]))
    expect(made).toEqual(expect.arrayContaining(asked))
    expect(first.stdout).toMatch(/^WEBHOOK_SECRETS=whsec_[A-Za-z0-9+/]{43}=$/m)
  })

  it("the classifier is started with the same heap, wherever it is", async () => {
    const texts = ["compose.yaml", UNIT, "src/cli/stack/parts/parts.ts", "Dockerfile"]
    const flags = await Promise.all(
      texts.map(async (name) => /--max-semi-space-size=\d+/.exec(await readFile(name, "utf8"))?.[0]),
    )
    expect(new Set(flags).size).toBe(1)
    expect(flags[0]).toBeDefined()
  })

  it("every file that the Dockerfile, compose.yaml and the unit start is built", async () => {
    const texts = ["Dockerfile", "compose.yaml", UNIT]
    const all = (await Promise.all(texts.map((name) => readFile(name, "utf8")))).join("\n")
    const started = new Set([...all.matchAll(/dist\/[a-z/-]+\.js/g)].map(([file]) => file))
    expect(started.size).toBe(3)
    for (const file of started) await expect(readFile(file, "utf8")).resolves.not.toBe("")
  })
})

type Service = {
  command: string | string[]
  environment: Record<string, string | null>
  env_file?: unknown
  networks: string[]
  ports?: string[]
  cap_drop: string[]
  security_opt: string[]
  read_only: boolean
  user: string
  mem_limit: string
  pids_limit: number
}
type Compose = { services: Record<string, Service>; networks: Record<string, { internal?: boolean } | null> }

describe("compose.yaml", () => {
  let services: Compose["services"]
  let networks: Compose["networks"]
  beforeAll(async () => {
    ;({ services, networks } = parse(await readFile("compose.yaml", "utf8"), { merge: true }) as Compose)
  })
  const variablesOf = (part: string) => Object.keys(services[part]?.environment ?? {}).sort()
  const sharing = (network: string) =>
    Object.keys(services).filter((name) => services[name]?.networks.includes(network))

  it("hands each part the variables that it reads, and no other", async () => {
    expect(variablesOf("gateway")).toEqual(Object.keys(gatewayEnv.shape).sort())
    expect(variablesOf("classifier")).toEqual(Object.keys(classifierEnv.shape).sort())
    const ofNode = [...(await readFile("src/edge/node.ts", "utf8")).matchAll(/process\.env\.(\w+)/g)].map(
      ([, name]) => name,
    )
    expect(ofNode).toContain("TRUSTED_PROXIES")
    const ofHealth = Object.keys(healthEnv(0))
    expect(variablesOf("edge")).toEqual([...new Set([...Object.keys(edgeEnv.shape), ...ofNode, ...ofHealth])].sort())
    expect(Object.values(services).filter(({ env_file }) => env_file !== undefined)).toEqual([])
  })

  it("keeps Redis out of reach of the world and of the edge, in a network of its own", () => {
    expect(sharing("store").sort()).toEqual(["classifier", "gateway", "redis"])
    expect(networks.store?.internal).toBe(true)
    expect(services.redis?.networks).toEqual(["store"])
    // Of the two passwords the classifier is given the one of its own user.
    expect(services.classifier?.environment.REDIS_URL).toMatch(
      /^redis:\/\/classifier:\$\{UPSTASH_REDIS_REST_TOKEN:[^}]*\}@redis:6379$/,
    )
    expect(JSON.stringify(services.classifier)).not.toContain("REDIS_PASSWORD")
    const ports = Object.values(services).flatMap((service) => service.ports ?? [])
    expect(ports).toEqual(["127.0.0.1:8787:8787"])
  })

  it("gives no part a right that it can do without, nor the machine's whole memory", () => {
    expect(Object.keys(services).sort()).toEqual(["classifier", "edge", "gateway", "redis"])
    for (const [name, service] of Object.entries(services)) {
      expect(service, name).toMatchObject({
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges:true"],
        read_only: true,
        user: expect.stringMatching(/^(node|redis)$/),
        mem_limit: expect.stringMatching(/^\d+g$/),
        pids_limit: expect.any(Number),
      })
    }
  })

  it("lets the classifier give its jobs back before the kernel ends it", () => {
    const { environment, mem_limit } = services.classifier as Service
    const [, ownMb] = /:-(\d+)\}$/.exec(environment.CLASSIFIER_MEMORY_MB ?? "") ?? []
    expect(Number(ownMb)).toBeLessThan(Number.parseInt(mem_limit, 10) * 1_024)
  })

  it("starts a Redis that asks for the password, and shows it to nobody in the process list", async () => {
    const [shell = "", flag = "", script = ""] = services.redis?.command ?? []
    const port = await freePort()
    // Compose reads "$$" as "$"; here another Redis may have the usual port.
    const command = script
      .replaceAll("$$", "$")
      .replace("redis-server -", `redis-server - --port ${port} --bind 127.0.0.1`)
    const env = { ...process.env, REDISCLI_AUTH: "hunter2", CLASSIFIER_PASSWORD: "swordfish", REDIS_MAXMEMORY: "64mb" }
    const redis = spawn(shell, [flag, command], { cwd: folder, env })
    try {
      await expect.poll(() => ask(port, "PING\r\n"), { timeout: 10_000 }).toMatch(/^-NOAUTH/)
      expect(await ask(port, "AUTH hunter2\r\nCONFIG GET maxmemory-policy\r\n")).toContain("noeviction")
      const commands = (await listProcesses()).map(({ command }) => command)
      expect(commands.filter((command) => /hunter2|swordfish/.test(command))).toEqual([])
      await expectClassifierRights(`redis://classifier:swordfish@127.0.0.1:${port}`)
    } finally {
      redis.kill()
      await once(redis, "exit")
    }
  })
})

/** All that a classifier does with the queue, and nothing that would harm it or what else lies there. */
async function expectClassifierRights(url: string): Promise<void> {
  const redis = connectTcp({ url })
  const stop = new AbortController()
  try {
    const keys = createKeys()
    const store = new JobStore(redis, keys, DEFAULT_STORE_LIMITS)
    const heard: string[] = []
    const listener = { onSubscribed: () => heard.push("+"), onMessage: (message: string) => heard.push(message) }
    const listening = redis.subscribe(keys.wakeChannel, listener, stop.signal).catch(() => "aborted at the end")
    await expect.poll(() => heard).toEqual(["+"])
    await submit(store, jobOf("a", { createdMs: Date.now() }))
    const { jobs } = await store.claim(claimOf({ nowMs: Date.now() }))
    expect(await store.getPayload("a-bytes")).toHaveLength(3)
    expect(await store.finish({ jobId: "a", token: jobs[0]?.leaseToken ?? "" }, success(), Date.now())).toBe(true)
    expect(evictionProblem(await readMemory(redis))).toBeNull()
    await expect.poll(() => heard.length).toBeGreaterThan(1)
    const forbidden = ["CONFIG GET dir", "FLUSHALL", "KEYS *", "ACL LIST", "SHUTDOWN", "GET other", "REPLICAOF NO ONE"]
    const { port, password } = new URL(url)
    const said = await ask(Number(port), [`AUTH classifier ${password}`, ...forbidden, ""].join("\r\n"))
    expect(said.trim().split("\r\n")).toEqual(["+OK", ...forbidden.map(() => expect.stringMatching(/^-NOPERM/))])
    stop.abort()
    await listening
  } finally {
    stop.abort()
    redis.close()
  }
}

describe("docs/security.md", () => {
  it("names tests that there are", async () => {
    const text = await readFile("docs/security.md", "utf8")
    const names = [...text.matchAll(/`([^` ]+\.test\.ts)`/g)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(15)
    for (const name of names) expect(await glob(`test/${name}`), name).not.toEqual([])
  })
})

describe("the systemd unit", () => {
  it("limits what the classifier takes, and leaves it no more than 2 of the 10 points that systemd counts", async () => {
    const unit = await readFile(UNIT, "utf8")
    for (const line of [
      "CapabilityBoundingSet=",
      "UMask=0077",
      "SystemCallFilter=@system-service @pkey",
      "NoNewPrivileges=yes",
    ]) {
      expect(unit.split("\n")).toContain(line)
    }
    expect(unit).toMatch(/^MemoryMax=\d+G$/m)
    expect(unit).toMatch(/^TasksMax=\d+$/m)
    const [, ownMb = "", maxGb = ""] = /CLASSIFIER_MEMORY_MB=(\d+)\nMemoryMax=(\d+)G/.exec(unit) ?? []
    expect(Number(ownMb)).toBeLessThan(Number(maxGb) * 1_024)
    // Where systemd is installed, it has the say.
    const args = ["security", "--offline=true", "--no-pager", UNIT]
    const told = await run("systemd-analyze", args).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return null
      throw error
    })
    if (told !== null) expect(Number(/exposure level for .*: ([\d.]+)/.exec(told.stdout)?.[1])).toBeLessThanOrEqual(2)
  })
})

/** What Redis has said when it says no more. */
function ask(port: number, message: string): Promise<string> {
  return new Promise((resolve) => {
    let reply = ""
    const socket = connect(port, "127.0.0.1", () => socket.end(message))
    socket.on("data", (data) => {
      reply += String(data)
    })
    socket.once("error", () => resolve(""))
    socket.once("close", () => resolve(reply))
  })
}

import { writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import type { RedisEnv } from "../../../redis-tcp/open-redis.ts"
import { CliError } from "../../cli-error.ts"
import { answersHttp, answersRedisPing } from "../processes/probes.ts"
import { readOwnLine, readRedisLine, readWorkerdLine } from "../processes/read-part-line.ts"
import type { RedisProgram } from "../redis/find-redis.ts"
import type { Part, PartDeps } from "./part.ts"
import { redactUrl } from "./redact-url.ts"
import { variablesOf } from "./redis-variables.ts"
import { writeWorkerdConfig } from "./workerd-config.ts"

/** The password is passed in a file, because arguments are visible in the process list. */
export function redisPart(
  { root, cwd = root, env }: PartDeps,
  program: RedisProgram,
  at: { port: number; folder: string; password: string },
): Part {
  const settings = {
    port: at.port,
    bind: "127.0.0.1",
    "protected-mode": "yes",
    requirepass: at.password,
    dir: JSON.stringify(at.folder),
    appendonly: "yes",
    save: '""',
    "maxmemory-policy": "noeviction",
    loglevel: "notice",
  }
  const file = join(at.folder, "redis.conf")
  const text = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`)
  writeFileSync(file, text.join(""), { mode: 0o600 })
  return {
    name: "redis",
    what: `${program.title}, append-only file`,
    address: `127.0.0.1:${at.port}`,
    command: program.path,
    args: [file],
    cwd,
    env,
    ready: { by: "probe", isUp: (signal) => answersRedisPing(at, signal) },
    startTimeoutMs: 60_000,
    stopGraceMs: 10_000,
    readLine: readRedisLine,
  }
}

export function gatewayPart(
  { root, cwd = root, env }: PartDeps,
  redisUrl: string,
  at: { port: number; token: string },
): Part {
  return {
    name: "gateway",
    what: `Upstash REST protocol for ${redactUrl(redisUrl)}`,
    address: `http://127.0.0.1:${at.port}`,
    command: process.execPath,
    args: ["--enable-source-maps", join(root, "dist/gateway/main.js")],
    cwd,
    env: {
      ...env,
      REDIS_URL: redisUrl,
      UPSTASH_REDIS_REST_TOKEN: at.token,
      GATEWAY_HOST: "127.0.0.1",
      GATEWAY_PORT: String(at.port),
    },
    ready: { by: "event", event: "gateway.ready" },
    // It would wait until that is changed.
    refusal: /"event":"gateway.not_ready".*"code":"redis_(evicts|unauthorized)"/,
    startTimeoutMs: 30_000,
    stopGraceMs: 5_000,
    readLine: readOwnLine,
  }
}

/**
 * glibc keeps an arena for every thread, and V8 room for garbage: together two fifths of the classifier's memory, and no time is
 * saved by it (docs/decisions/0009-codecs.md). Both want to be told when a process starts; Dockerfile and deploy/ say the same.
 */
const FRUGAL_MALLOC = { MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "131072" }
const FRUGAL_HEAP = "--max-semi-space-size=4"

export function classifierPart({ root, cwd = root, env }: PartDeps, redis: RedisEnv, at: { healthPort: number }): Part {
  return {
    name: "classifier",
    what: "TF.js WASM",
    address: `http://127.0.0.1:${at.healthPort}/healthz`,
    command: process.execPath,
    args: [FRUGAL_HEAP, "--enable-source-maps", join(root, "dist/classifier/main.js")],
    cwd,
    env: {
      ...FRUGAL_MALLOC,
      ...env,
      ...variablesOf(redis),
      HEALTH_PORT: String(at.healthPort),
    },
    ready: { by: "event", event: "classifier.ready" },
    startTimeoutMs: 120_000,
    stopGraceMs: 30_000,
    readLine: readOwnLine,
  }
}

/** `inspectorPort`: where a debugger may connect; it can read every secret of the edge. */
type EdgePlace = { port: number; inspectorPort?: number | undefined }

export function nodeEdgePart(
  { root, cwd = root, env }: PartDeps,
  variables: Record<string, string>,
  { port, inspectorPort }: EdgePlace,
): Part {
  const inspect = inspectorPort === undefined ? [] : [`--inspect=127.0.0.1:${inspectorPort}`]
  return {
    ...edgeBasics(cwd, port),
    what: "Node",
    command: process.execPath,
    args: [...inspect, "--enable-source-maps", join(root, "dist/edge/node.js")],
    env: {
      ...{ ...env, ...variables, SHUTDOWN_DELAY_MS: "0", HOST: "127.0.0.1", PORT: String(port) },
      // Any free one: HEALTH_PORT is the classifier's here.
      HEALTH_PORT: "0",
    },
    readLine: readOwnLine,
  }
}

/** workerd itself, which listens on one port; `wrangler dev` adds inspectors and pages for developers. */
export function workerdEdgePart(
  { root, cwd = root, env }: PartDeps,
  variables: Record<string, string>,
  { port, inspectorPort, folder }: EdgePlace & { folder: string },
): Part {
  const config = writeWorkerdConfig({ root, folder, port, names: Object.keys(variables) })
  const inspect = inspectorPort === undefined ? [] : [`--inspector-addr=127.0.0.1:${inspectorPort}`]
  return {
    ...edgeBasics(cwd, port),
    what: "workerd",
    command: findWorkerd(),
    args: ["serve", ...inspect, config],
    env: { ...env, ...variables },
    // On Node the edge ends with this line; workerd would stay and answer 500 to everything.
    refusal: /ConfigError: /,
    readLine: readWorkerdLine,
  }
}

function edgeBasics(cwd: string, port: number) {
  return {
    name: "edge",
    address: `http://localhost:${port}`,
    cwd,
    ready: {
      by: "probe",
      isUp: (signal) => answersHttp(`http://127.0.0.1:${port}/healthz`, signal),
      watch: { everyMs: 5_000, patienceMs: 5_000 },
    },
    startTimeoutMs: 60_000,
    stopGraceMs: 10_000,
  } as const satisfies Partial<Part>
}

function findWorkerd(): string {
  const require = createRequire(import.meta.url)
  try {
    return (require("workerd") as { default: string }).default
  } catch (error) {
    throw new CliError(
      "Cannot find workerd: run npm ci (in a project of your own: npm install workerd), or start with --edge node",
      { cause: error },
    )
  }
}

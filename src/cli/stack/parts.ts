import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { CliError } from "../cli-error.ts"
import type { RestEndpoint } from "./edge-variables.ts"
import type { RedisProgram } from "./find-redis.ts"
import type { Part } from "./part.ts"
import { answersHttp, answersRedisPing } from "./probes.ts"
import { readOwnLine, readRedisLine, readWranglerLine } from "./read-part-line.ts"
import { redactUrl } from "./redact-url.ts"

/** `root`: the package's folder. `env`: ours, which every part gets beside what is its own. */
type Ground = { root: string; env: NodeJS.ProcessEnv }

export function redisPart({ root, env }: Ground, program: RedisProgram, at: { port: number; folder: string }): Part {
  const settings = {
    "--port": String(at.port),
    "--bind": "127.0.0.1",
    "--protected-mode": "yes",
    "--dir": at.folder,
    "--appendonly": "yes",
    "--save": "",
    "--maxmemory-policy": "noeviction",
    "--loglevel": "notice",
  }
  return {
    name: "redis",
    what: `${program.title}, append-only file`,
    address: `127.0.0.1:${at.port}`,
    command: program.path,
    args: Object.entries(settings).flat(),
    cwd: root,
    env,
    ready: { by: "probe", isUp: (signal) => answersRedisPing(at.port, signal) },
    startTimeoutMs: 60_000,
    stopGraceMs: 10_000,
    readLine: readRedisLine,
  }
}

export function gatewayPart({ root, env }: Ground, redisUrl: string, at: { port: number; token: string }): Part {
  return {
    name: "gateway",
    what: `Upstash REST protocol for ${redactUrl(redisUrl)}`,
    address: `http://127.0.0.1:${at.port}`,
    command: process.execPath,
    args: ["--enable-source-maps", join(root, "dist/gateway/main.js")],
    cwd: root,
    env: {
      ...env,
      REDIS_URL: redisUrl,
      UPSTASH_REDIS_REST_TOKEN: at.token,
      GATEWAY_HOST: "127.0.0.1",
      GATEWAY_PORT: String(at.port),
    },
    ready: { by: "event", event: "gateway.ready" },
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

export function classifierPart({ root, env }: Ground, rest: RestEndpoint, at: { healthPort: number }): Part {
  return {
    name: "classifier",
    what: "TF.js WASM",
    address: `http://127.0.0.1:${at.healthPort}/healthz`,
    command: process.execPath,
    args: [FRUGAL_HEAP, "--enable-source-maps", join(root, "dist/classifier/main.js")],
    cwd: root,
    env: {
      ...FRUGAL_MALLOC,
      ...env,
      UPSTASH_REDIS_REST_URL: rest.url,
      UPSTASH_REDIS_REST_TOKEN: rest.token,
      HEALTH_PORT: String(at.healthPort),
    },
    ready: { by: "event", event: "classifier.ready" },
    startTimeoutMs: 120_000,
    stopGraceMs: 30_000,
    readLine: readOwnLine,
  }
}

export function nodeEdgePart({ root, env }: Ground, variables: Record<string, string>, at: { port: number }): Part {
  return {
    ...edgeBasics(root, at.port),
    what: "Node",
    command: process.execPath,
    args: ["--enable-source-maps", join(root, "dist/edge/node.js")],
    env: { ...env, ...variables, HOST: "127.0.0.1", PORT: String(at.port) },
    readLine: readOwnLine,
  }
}

/** Secrets reach workerd through a file: an argument could be read in the process list by everybody on the machine. */
export function workerdEdgePart(
  { root, env }: Ground,
  at: { port: number; inspectorPort: number; envFile: string; folder: string },
): Part {
  const options = {
    "--config": join(root, "wrangler.toml"),
    "--ip": "127.0.0.1",
    "--port": String(at.port),
    "--inspector-port": String(at.inspectorPort),
    "--env-file": at.envFile,
    "--persist-to": join(at.folder, "state"),
    "--show-interactive-dev-session": "false",
  }
  return {
    ...edgeBasics(root, at.port),
    what: "workerd (wrangler dev)",
    command: process.execPath,
    args: [findWrangler(), "dev", ...Object.entries(options).flat()],
    env: { ...env, ...quietWrangler(at.folder) },
    // On Node the edge ends with this line; wrangler would stay and answer 500 to everything.
    refusal: /ConfigError: /,
    readLine: readWranglerLine,
  }
}

function edgeBasics(root: string, port: number) {
  return {
    name: "edge",
    address: `http://localhost:${port}`,
    cwd: root,
    ready: {
      by: "probe",
      isUp: (signal) => answersHttp(`http://127.0.0.1:${port}/healthz`, signal),
      watch: { everyMs: 5_000, patienceMs: 5_000 },
    },
    startTimeoutMs: 60_000,
    stopGraceMs: 10_000,
  } as const satisfies Partial<Part>
}

/** No network, no questions, no telemetry, and nothing written outside our folder. */
function quietWrangler(folder: string): Record<string, string> {
  return {
    CLOUDFLARE_CF_FETCH_ENABLED: "false",
    CLOUDFLARE_INCLUDE_PROCESS_ENV: "false",
    CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV: "true",
    FORCE_COLOR: "0",
    NO_COLOR: "1",
    WRANGLER_HIDE_BANNER: "true",
    WRANGLER_LOG_PATH: join(folder, "wrangler.log"),
    WRANGLER_REGISTRY_PATH: join(folder, "registry"),
    WRANGLER_SEND_ERROR_REPORTS: "false",
    WRANGLER_SEND_METRICS: "false",
    XDG_CONFIG_HOME: folder,
  }
}

function findWrangler(): string {
  const require = createRequire(import.meta.url)
  try {
    return join(dirname(require.resolve("wrangler/package.json")), "bin/wrangler.js")
  } catch (error) {
    throw new CliError("Cannot find wrangler: run npm ci, or start with --edge node", { cause: error })
  }
}

import { join } from "node:path"
import type { RedisEnv } from "../../../redis-tcp/open-redis.ts"
import { readOwnLine } from "../processes/read-part-line.ts"
import type { Part, PartDeps } from "./part.ts"
import { addressOf, variablesOf } from "./redis-variables.ts"

export function delivererPart({ root, cwd = root, env }: PartDeps, redis: RedisEnv): Part {
  return {
    name: "deliverer",
    what: "webhooks",
    address: addressOf(redis),
    command: process.execPath,
    args: ["--enable-source-maps", join(root, "dist/classifier/deliver-main.js")],
    cwd,
    env: { ...env, ...variablesOf(redis) },
    ready: { by: "event", event: "deliverer.ready" },
    startTimeoutMs: 30_000,
    stopGraceMs: 30_000,
    readLine: readOwnLine,
  }
}

import { join } from "node:path"
import { readOwnLine } from "../processes/read-part-line.ts"
import type { RestEndpoint } from "./edge-variables.ts"
import type { Part, PartDeps } from "./part.ts"
import { redactUrl } from "./redact-url.ts"

export function delivererPart({ root, cwd = root, env }: PartDeps, rest: RestEndpoint): Part {
  return {
    name: "deliverer",
    what: "webhooks",
    address: redactUrl(rest.url),
    command: process.execPath,
    args: ["--enable-source-maps", join(root, "dist/classifier/deliver-main.js")],
    cwd,
    env: { ...env, UPSTASH_REDIS_REST_URL: rest.url, UPSTASH_REDIS_REST_TOKEN: rest.token },
    ready: { by: "event", event: "deliverer.ready" },
    startTimeoutMs: 30_000,
    stopGraceMs: 30_000,
    readLine: readOwnLine,
  }
}

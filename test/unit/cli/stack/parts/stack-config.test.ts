import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { delivererPart } from "../../../../../src/cli/stack/parts/deliverer-part.ts"
import { edgeVariables } from "../../../../../src/cli/stack/parts/edge-variables.ts"
import { classifierPart } from "../../../../../src/cli/stack/parts/parts.ts"
import { redactUrl } from "../../../../../src/cli/stack/parts/redact-url.ts"
import { keepSecrets, readWebhookSecrets } from "../../../../../src/cli/stack/parts/secrets.ts"
import { readStackConfig } from "../../../../../src/cli/stack/parts/stack-config.ts"
import { restartDelayMs } from "../../../../../src/cli/stack/processes/restart-delay.ts"
import { findLeftovers } from "../../../../../src/cli/stack/processes/run-file.ts"
import { parseRedisVersion } from "../../../../../src/cli/stack/redis/find-redis.ts"
import { chooseInstaller } from "../../../../../src/cli/stack/redis/install-redis.ts"
import { edgeEnv } from "../../../../../src/edge/config.ts"
import type { RedisEnv } from "../../../../../src/redis-tcp/open-redis.ts"

const config = (env: NodeJS.ProcessEnv) => readStackConfig(env, "/repo", { edge: "workerd" })

describe("readStackConfig()", () => {
  test("prefers REDIS_URL, then the REST pair, then a Redis of its own", () => {
    const rest = { UPSTASH_REDIS_REST_URL: "https://x.upstash.io", UPSTASH_REDIS_REST_TOKEN: "t" }
    expect(config({ ...rest, REDIS_URL: "redis://h:1" }).queue).toEqual({ kind: "redis-url", url: "redis://h:1" })
    expect(config(rest).queue).toEqual({ kind: "rest", url: "https://x.upstash.io", token: "t" })
    expect(config({ UPSTASH_REDIS_REST_TOKEN: "t" }).queue).toEqual({ kind: "private-redis" })
  })

  test("fixes only the ports that are set", () => {
    const { ports } = config({ PORT: "9000", GATEWAY_PORT: "" })
    expect(ports.edge).toEqual({ name: "PORT", port: 9000, fixed: true })
    expect(ports.gateway).toEqual({ name: "GATEWAY_PORT", port: 8079, fixed: false })
  })

  test.each([
    [{ PORT: "0" }, "PORT"],
    [{ PORT: "8787x" }, "PORT"],
    [{ HEALTH_PORT: "70000" }, "HEALTH_PORT"],
    [{ REDIS_URL: "http://u:hunter2@h" }, "REDIS_URL"],
    [{ UPSTASH_REDIS_REST_URL: "https://hunter2" }, "UPSTASH_REDIS_REST_TOKEN"],
  ])("names the variable of %j and never its value", (env, name) => {
    expect(() => config(env)).toThrow(name)
    expect(() => config(env)).not.toThrow("hunter2")
  })
})

describe("edgeVariables()", () => {
  const rest = { url: "http://127.0.0.1:8079", token: "secret" }

  test("is open on this machine unless told otherwise", () => {
    expect(edgeVariables({}, rest, ["new", "old"])).toEqual({
      ALLOW_ANONYMOUS: "true",
      ALLOWED_HOSTS: "localhost",
      RATE_LIMIT: "off",
      READ_LIMIT: "off",
      TICKET_SECRET: "new old",
      UPSTASH_REDIS_REST_URL: "http://127.0.0.1:8079",
      UPSTASH_REDIS_REST_TOKEN: "secret",
    })
    expect(edgeVariables({ ALLOW_ANONYMOUS: "false", TICKET_SECRET: "mine" }, rest, ["new"])).toMatchObject({
      ALLOW_ANONYMOUS: "false",
      TICKET_SECRET: "mine",
    })
  })

  test("hands on what is set, and nothing that is not the edge's", () => {
    const variables = edgeVariables(
      { MAX_IMAGE_BYTES: "1000", API_KEYS: "", REDIS_URL: "redis://x", HOME: "/root" },
      rest,
      ["s"],
    )
    expect(variables.MAX_IMAGE_BYTES).toBe("1000")
    expect(Object.keys(variables)).not.toEqual(expect.arrayContaining(["API_KEYS"]))
    expect(Object.keys(variables)).not.toEqual(expect.arrayContaining(["REDIS_URL"]))
    expect(Object.keys(variables)).not.toEqual(expect.arrayContaining(["HOME"]))
  })

  test("knows every variable that the edge reads", () => {
    const names = Object.keys(edgeEnv.shape)
    const variables = edgeVariables(Object.fromEntries(names.map((name) => [name, "given"])), rest, ["s"])
    expect(Object.keys(variables).sort()).toEqual(names.sort())
  })
})

test("classifierPart() and delivererPart() use the Redis that they are given, whatever our own environment names", () => {
  const deps = { root: "/repo", env: { REDIS_URL: "redis://ours", UPSTASH_REDIS_REST_URL: "https://ours" } }
  const byTcp = { REDIS_URL: "redis://:p@h:1" }
  const overRest = { UPSTASH_REDIS_REST_URL: "https://x", UPSTASH_REDIS_REST_TOKEN: "t" }
  for (const part of [
    (redis: RedisEnv) => classifierPart(deps, redis, { healthPort: 1 }),
    (redis: RedisEnv) => delivererPart(deps, redis),
  ]) {
    expect(part(byTcp).env).toMatchObject({ ...byTcp, UPSTASH_REDIS_REST_URL: "", UPSTASH_REDIS_REST_TOKEN: "" })
    expect(part(overRest).env).toMatchObject({ ...overRest, REDIS_URL: "" })
    expect(part(byTcp).address).not.toContain(":p@")
  }
})

describe("redactUrl()", () => {
  test.each([
    ["redis://user:pass@host:6379/2", "redis://***@host:6379/2"],
    ["redis://:pass@host", "redis://***@host"],
    ["https://x.upstash.io/?_token=abc", "https://x.upstash.io"],
    ["nonsense", "(not a URL)"],
  ])("%s is shown as %s", (url, shown) => expect(redactUrl(url)).toBe(shown))
})

describe("restartDelayMs()", () => {
  test("doubles from half a second to ten", () => {
    expect([0, 1, 2, 3, 4, 5, 6].map((deaths) => restartDelayMs(deaths))).toEqual([
      500, 1000, 2000, 4000, 8000, 10_000, 10_000,
    ])
  })
})

describe("chooseInstaller()", () => {
  test("installs where it needs to ask nobody", () => {
    expect(chooseInstaller({ isRoot: true, hasApt: true, hasBrew: false })).toBe("apt")
    expect(chooseInstaller({ isRoot: false, hasApt: false, hasBrew: true })).toBe("brew")
  })

  test("says what to install where it cannot", () => {
    const around = { isRoot: false, hasApt: true, hasBrew: false }
    expect(() => chooseInstaller(around)).toThrow("sudo apt-get install redis-server")
  })
})

describe("parseRedisVersion()", () => {
  test("knows Redis and Valkey", () => {
    expect(parseRedisVersion("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0")).toBe("Redis 7.0.15")
    expect(parseRedisVersion("Valkey server v=8.1.1 sha=00000000:0")).toBe("Valkey 8.1.1")
  })
})

describe("findLeftovers()", () => {
  test("leaves a number alone that the system has given to somebody else", () => {
    const groups = [
      { name: "redis" as const, pgid: 10 },
      { name: "edge" as const, pgid: 20 },
      { name: "classifier" as const, pgid: 30 },
    ]
    const processes = [
      { pid: 10, pgid: 10, command: "redis-server 127.0.0.1:6390" },
      { pid: 22, pgid: 20, command: "/repo/node_modules/@cloudflare/workerd-linux-64/bin/workerd serve" },
      { pid: 30, pgid: 30, command: "vim notes.txt" },
    ]
    expect(findLeftovers({ pid: 1, url: "", groups }, processes)).toEqual(groups.slice(0, 2))
  })
})

describe("keepSecrets()", () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "claimcheck-"))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test("makes them once, for this user's eyes only", () => {
    const path = join(folder, "secrets.json")
    const secrets = keepSecrets(path)
    expect(secrets.gatewayToken).toMatch(/^[0-9a-f]{64}$/)
    expect(secrets.gatewayToken).not.toBe(secrets.ticketSecrets[0])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(keepSecrets(path)).toEqual(secrets)
  })

  test("adds the secrets that a file of an older version lacks, and keeps the rest", () => {
    const path = join(folder, "secrets.json")
    const older = { gatewayToken: "g".repeat(64), ticketSecrets: ["t".repeat(64)], later: "unknown" }
    writeFileSync(path, JSON.stringify(older), { mode: 0o644 })
    expect(readWebhookSecrets(path)).toEqual([])
    const secrets = keepSecrets(path)
    const made = {
      webhookSecrets: [expect.stringMatching(/^whsec_/)],
      redisPassword: expect.stringMatching(/^[0-9a-f]{64}$/),
    }
    expect(secrets).toEqual({ ...older, ...made })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect([keepSecrets(path), readWebhookSecrets(path)]).toEqual([secrets, secrets.webhookSecrets])
    expect(readdirSync(folder)).toEqual(["secrets.json"])
  })

  test("replaces no file it does not understand, and quotes none of it", () => {
    const path = join(folder, "secrets.json")
    writeFileSync(path, '{"gatewayToken": hunter2}')
    expect(() => keepSecrets(path)).toThrow(path)
    expect(() => keepSecrets(path)).not.toThrow("hunter2")
  })
})

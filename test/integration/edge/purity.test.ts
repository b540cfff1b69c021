import { spawnSync } from "node:child_process"
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { dirname, join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const IMPORTS = "noRestrictedImports"
const GLOBALS = "noRestrictedGlobals"

/** Each a file of its own under our biome.json, and the rule that it breaks, or none. */
const CASES: readonly (readonly [path: string, text: string, rule: string | null])[] = [
  ["src/lib/a.ts", 'import "node:fs"', IMPORTS],
  ["src/lib/b.ts", 'import { hostname } from "os"', IMPORTS],
  ["src/lib/c.ts", 'import { Hono } from "hono"', IMPORTS],
  ["src/lib/d.ts", 'import { Redis } from "@upstash/redis"', IMPORTS],
  ["src/lib/e.ts", 'import { createApp } from "../../edge/app.ts"', IMPORTS],
  ["src/lib/f.ts", 'export * from "../../classifier/config.ts"', IMPORTS],
  ["src/lib/g.ts", 'export const fs = await import("node:fs")', IMPORTS],
  ["src/lib/k.ts", 'import { healthEnv } from "../health/config.ts"', IMPORTS],
  ["src/edge/c.ts", 'import { healthEnv } from "../health/config.ts"', IMPORTS],
  ["src/health/a.ts", 'import { createApp } from "../edge/app.ts"', IMPORTS],
  ["src/lib/client/a.ts", 'import { createApp } from "../../../edge/app.ts"', IMPORTS],
  ["src/edge/a.ts", 'import { Buffer } from "node:buffer"', IMPORTS],
  ["src/edge/b.ts", 'import { decodeImage } from "../../classifier/image/decode-image.ts"', IMPORTS],
  ["src/edge/routes/a.ts", 'import { serve } from "@hono/node-server"', IMPORTS],
  ["src/edge/routes/b.ts", 'import { createGateway } from "../../../gateway/app.ts"', IMPORTS],
  ["src/edge/worker.ts", 'import "node:fs"', IMPORTS],
  ["src/edge/deno.ts", 'import "node:fs"\nDeno.env.toObject()', IMPORTS],
  ["src/classifier/a.ts", 'import { createApp } from "../../edge/app.ts"', IMPORTS],
  ["src/classifier/image/a.ts", 'import { createApp } from "../../../edge/app.ts"', IMPORTS],
  ["src/gateway/a.ts", 'import { readConfig } from "../../classifier/config.ts"', IMPORTS],
  ["src/cli/stack/parts/a.ts", 'import { createApp } from "../../../../edge/app.ts"', IMPORTS],
  ["src/cli/stack/parts/b.ts", 'import { edgeEnv } from "../../../../edge/config.ts"', IMPORTS],
  ["src/lib/redis/a.ts", 'import { connectTcp } from "../../redis-tcp/tcp.ts"', IMPORTS],
  ["src/edge/e.ts", 'import { connectTcp } from "../redis-tcp/tcp.ts"', IMPORTS],
  ["src/edge/node-server.ts", 'import { connectTcp } from "../redis-tcp/tcp.ts"', IMPORTS],
  ["src/redis-tcp/a.ts", 'import { serve } from "../classifier/classifier.ts"', IMPORTS],
  ["src/page/a.ts", 'import "node:fs"', IMPORTS],
  ["src/page/b.ts", 'import * as z from "zod"', IMPORTS],
  ["src/page/c.ts", 'import { createApp } from "../../edge/app.ts"', IMPORTS],
  ...["process.env", "Buffer.from([1])", "Deno.env", "global.x", "setImmediate(() => 1)"].flatMap((text, i) =>
    [`src/lib/global-${i}.ts`, `src/edge/routes/global-${i}.ts`].map(
      (path) => [path, `export const x = ${text}`, GLOBALS] as const,
    ),
  ),
  ["src/lib/h.ts", 'import * as z from "zod"', null],
  ["src/lib/i.ts", 'import { Redis } from "@upstash/redis/cloudflare"', null],
  ["src/lib/client/b.ts", 'import { sleep } from "../../sleep.ts"', null],
  ["src/edge/routes/c.ts", 'import { routePath } from "hono/route"', null],
  ["src/edge/routes/d.ts", 'import { sleep } from "../../../lib/sleep.ts"', null],
  ["src/page/d.ts", 'import { sleep } from "../../lib/sleep.ts"\nimport { Edge } from "../edge.ts"', null],
  ["src/edge/node.ts", 'import { serve } from "@hono/node-server"\nprocess.exit(1)', null],
  ["src/cli/stack/parts/edge-variables.ts", 'import { edgeEnv } from "../../../../edge/config.ts"', null],
  ["src/redis-tcp/b.ts", 'import "node:fs"\nimport { sleep } from "../lib/sleep.ts"', null],
  ["src/classifier/c.ts", 'import { openRedis } from "../redis-tcp/open-redis.ts"', null],
  ["src/edge/node-a.ts", 'import { healthEnv } from "../health/config.ts"', null],
  ["src/classifier/b.ts", 'import "node:fs"\nimport { sleep } from "../../lib/sleep.ts"', null],
]

describe("biome.json holds the folders apart", () => {
  let root: string
  let report: string

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "claimcheck-lint-"))
    await cp("biome.json", join(root, "biome.json"))
    for (const [path, text] of CASES) {
      await mkdir(join(root, dirname(path)), { recursive: true })
      await writeFile(join(root, path), `${text}\n`)
    }
    const rules = [IMPORTS, GLOBALS].map((rule) => `--only=style/${rule}`)
    const args = ["lint", "--colors=off", "--vcs-enabled=false", "--max-diagnostics=none", ...rules, "src"]
    const { stdout, stderr } = spawnSync(resolve("node_modules/.bin/biome"), args, { cwd: root, encoding: "utf8" })
    report = stdout + stderr
  })
  afterAll(() => rm(root, { recursive: true, force: true }))

  it.each(CASES)("%s with %j breaks %s", (path, _text, rule) => {
    const broken = report
      .split("\n")
      .filter((line) => line.startsWith(`${path}:`))
      .map((line) => line.match(/lint\/style\/(\w+)/)?.[1])
    expect([...new Set(broken)]).toEqual(rule === null ? [] : [rule])
  })

  it("looked at every file", () => {
    expect(report).toContain(`Checked ${CASES.length} files`)
  })
})

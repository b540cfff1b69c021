import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import { newRoot, writeTinyModel } from "../../../support/models/tiny-model.ts"
import { startGateway, startRedis, type TestGateway, type TestRedis } from "../../../support/redis/redis-server.ts"

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url))

let server: TestRedis
let gateway: TestGateway
let home: string
const running: ChildProcess[] = []

beforeAll(async () => {
  if (!existsSync(join(ROOT, "dist"))) throw new Error('Cannot find dist: run "npm run build"')
  server = await startRedis()
  gateway = await startGateway({ redisUrl: server.url })
  home = installWithoutSharp()
})
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL")
})
afterAll(async () => {
  await gateway.close()
  await server.stop()
  rmSync(home, { recursive: true })
})

/** Our build and every package but sharp: what an installation on a platform without its binary comes to. */
function installWithoutSharp(): string {
  const folder = newRoot()
  cpSync(join(ROOT, "dist"), join(folder, "dist"), { recursive: true })
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
  writeTinyModel("tiny", {}, join(folder, "models"))
  mkdirSync(join(folder, "node_modules"))
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    if (name !== "sharp") symlinkSync(join(ROOT, "node_modules", name), join(folder, "node_modules", name))
  }
  return folder
}

function start(folder: string, change: Record<string, string>) {
  const env = {
    UPSTASH_REDIS_REST_URL: gateway.url,
    UPSTASH_REDIS_REST_TOKEN: gateway.token,
    CLAIMCHECK_MODELS: "",
    LANES: "1",
    HEALTH_PORT: "0",
    ...change,
  }
  const child = spawn(process.execPath, [join(folder, "dist/classifier/main.js")], { env, stdio: "pipe" })
  running.push(child)
  const events: { event: string; level: string; codec?: string }[] = []
  let errors = ""
  child.stderr.on("data", (text) => {
    errors += text
  })
  const ready = new Promise<void>((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = JSON.parse(line)
      events.push(event)
      if (event.event === "classifier.ready") resolve()
    })
  })
  return { child, events, ready, errors: () => errors, exit: once(child, "exit") }
}

describe("a classifier where sharp does not load", () => {
  test("falls back to the portable codec with one warning, and serves", async () => {
    const classifier = start(home, {})
    await classifier.ready
    const warnings = classifier.events.filter(({ event }) => event === "codec.fallback")
    expect(warnings).toMatchObject([{ level: "warn", codec: "portable", formats: ["jpeg", "png"] }])
  })

  test("says nothing where the portable codec was asked for", async () => {
    const classifier = start(home, { CODEC: "portable" })
    await classifier.ready
    expect(classifier.events.filter(({ event }) => event.startsWith("codec."))).toEqual([])
  })

  test("does not start where the native codec was asked for, and says why", async () => {
    const classifier = start(home, { CODEC: "native" })
    expect(await classifier.exit).toEqual([2, null])
    expect(classifier.errors()).toMatch(
      /^Cannot start: CODEC is native, and sharp's binary does not load here.*portable$/m,
    )
  })

  test("does not start with a codec that there is not", async () => {
    const classifier = start(home, { CODEC: "quick" })
    expect(await classifier.exit).toEqual([2, null])
    expect(classifier.errors()).toContain("CODEC must be native or portable")
  })
})

test("a classifier where sharp loads uses it without a word", async () => {
  const classifier = start(ROOT, { CLAIMCHECK_MODELS: "" })
  await classifier.ready
  expect(classifier.events.filter(({ event }) => event.startsWith("codec."))).toEqual([])
})

test("`models check` refuses a codec that there is not, as the classifier does", async () => {
  const args = ["models", "check", join(home, "models", "tiny")]
  const env = { ...process.env, NO_COLOR: "1", CODEC: "quick" }
  const child = spawn(process.execPath, [join(ROOT, "dist/cli/main.js"), ...args], { env, stdio: "pipe" })
  running.push(child)
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, "exit")])
  expect(stderr).toMatch(/CODEC must be native or portable \(config\)$/m)
  expect(code).toBe(1)
})

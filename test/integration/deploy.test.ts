import { execFile } from "node:child_process"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const run = promisify(execFile)
const MAX_WORKER_BYTES = 300_000

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

  it("make-env.sh gives every secret that compose.yaml asks for, and other ones each time", async () => {
    const [first, second] = await Promise.all([run("deploy/make-env.sh"), run("deploy/make-env.sh")])
    expect(first.stdout).not.toBe(second.stdout)
    const made = first.stdout.split("\n").map((line) => line.split("=")[0])
    const compose = await readFile("compose.yaml", "utf8")
    const asked = [...compose.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name)
    expect(asked.length).toBeGreaterThan(0)
    expect(made).toEqual(expect.arrayContaining(asked))
    expect(first.stdout).toMatch(/^WEBHOOK_SECRETS=whsec_[A-Za-z0-9+/]{43}=$/m)
  })

  it("every part of compose.yaml is handed what .env says, and none of the ports that the parts agree on by it", async () => {
    const compose = await readFile("compose.yaml", "utf8")
    expect(compose.match(/<<: \*claimcheck/g)).toHaveLength(3)
    expect(compose).toMatch(/^x-claimcheck: &claimcheck\n(?: {2}.*\n)*? {2}env_file: \.env\n/m)
    expect(compose).toMatch(/\bGATEWAY_PORT: "8079"\n/)
    expect(compose).toMatch(/\bPORT: "8787"\n/)
  })

  it("the classifier is started with the same heap, wherever it is", async () => {
    const texts = ["compose.yaml", "deploy/claimcheck-classifier.service", "src/cli/stack/parts.ts", "Dockerfile"]
    const flags = await Promise.all(
      texts.map(async (name) => /--max-semi-space-size=\d+/.exec(await readFile(name, "utf8"))?.[0]),
    )
    expect(new Set(flags).size).toBe(1)
    expect(flags[0]).toBeDefined()
  })

  it("every file that the Dockerfile, compose.yaml and the unit start is built", async () => {
    const texts = ["Dockerfile", "compose.yaml", "deploy/claimcheck-classifier.service"]
    const all = (await Promise.all(texts.map((name) => readFile(name, "utf8")))).join("\n")
    const started = new Set([...all.matchAll(/dist\/[a-z/-]+\.js/g)].map(([file]) => file))
    expect(started.size).toBe(3)
    for (const file of started) await expect(readFile(file, "utf8")).resolves.not.toBe("")
  })
})

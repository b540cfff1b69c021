import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { freePorts } from "../support/free-ports.ts"
import { flatPng } from "../support/images/images.ts"
import { writeTinyModel } from "../support/models/tiny-model.ts"

const run = promisify(execFile)
const PORTS = ["PORT", "GATEWAY_PORT", "HEALTH_PORT", "REDIS_PORT"] as const

/** As a user has it: an empty folder, and the package that `npm publish` would send, installed by npm from the registry's packages. */
let folder: string
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  if (!existsSync("dist/cli/main.js")) throw new Error('Cannot find dist: run "npm run build" first')
  folder = mkdtempSync(join(tmpdir(), "claimcheck-installed-"))
  const ports = await freePorts(PORTS.length)
  const { CLAIMCHECK_HOME: _home, CLAIMCHECK_MODELS: _models, REDIS_URL: _redis, ...rest } = process.env
  env = { ...rest, ...Object.fromEntries(PORTS.map((name, i) => [name, String(ports[i])])) }
  env.CLAIMCHECK_URL = `http://localhost:${env.PORT}`
  const packed = mkdtempSync(join(tmpdir(), "claimcheck-packed-"))
  const startedMs = performance.now()
  await run("npm", ["install", "--no-audit", "--no-fund", await pack(".", packed)], { cwd: folder, env })
  process.stdout.write(`npm install: ${((performance.now() - startedMs) / 1_000).toFixed(0)} s\n`)
  rmSync(packed, { recursive: true })
}, 600_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const claimcheck = (args: readonly string[], cwd = folder) => run("npx", ["claimcheck", ...args], { cwd, env })
const inFolder = (...names: string[]) => join(folder, ...names)

describe("the installed package, in an empty folder", () => {
  it("`npx claimcheck start` runs all parts, serves ./models beside its own and keeps its state in ./.claimcheck", async () => {
    const before = treeOf(inFolder("node_modules", "claimcheck"))
    const stack = await startStack()
    writeFileSync(inFolder("red.png"), flatPng([230, 10, 10]))
    const own = JSON.parse((await claimcheck(["classify", "--json", "red.png"])).stdout)
    expect(own).toMatchObject({ status: "succeeded", model: { id: "efficientnet_lite0" } })

    writeTinyModel("colours", {}, inFolder("models"))
    const modelsOf = async () => (await claimcheck(["models", "--json"])).stdout
    await expect.poll(modelsOf, { timeout: 30_000 }).toContain('"colours"')
    const { stdout } = await claimcheck(["classify", "--json", "--model", "colours", "red.png"])
    expect(JSON.parse(stdout).predictions[0].label).toBe("red")

    // A command of an operator finds the same stack.
    expect((await claimcheck(["queue", "--json"])).stdout).toContain('"depth":0')
    await stack.stop()
    expect(readdirSync(inFolder(".claimcheck")).sort()).toEqual(["redis", "secrets.json"])
    expect(treeOf(inFolder("node_modules", "claimcheck"))).toEqual(before)
  })

  it("`npx claimcheck init` writes a project that wrangler packs, and replaces nothing", async () => {
    writeFileSync(inFolder("compose.yaml"), "# mine\n")
    const { stdout } = await claimcheck(["init"])
    expect(stdout).toMatch(/^wrote {2}wrangler\.toml$/m)
    expect(stdout).toMatch(/^kept {3}compose\.yaml \(it is there\)$/m)
    expect(readFileSync(inFolder("compose.yaml"), "utf8")).toBe("# mine\n")
    expect(readFileSync(inFolder(".env"), "utf8")).toMatch(/^TICKET_SECRET=[0-9a-f]{64}$/m)
    expect(statSync(inFolder(".env")).mode & 0o777).toBe(0o600)
    const wrangler = resolve("node_modules/.bin/wrangler")
    const packed = await run(wrangler, ["deploy", "--dry-run", "--outdir", inFolder("worker")], {
      cwd: folder,
      env: { ...env, WRANGLER_SEND_METRICS: "false" },
    })
    expect(packed.stdout).toContain("--dry-run: exiting now")
    expect(readdirSync(inFolder("worker"))).toContain("worker-bundle.js")
    const again = await claimcheck(["init"])
    expect(again.stdout).not.toContain("wrote")
  })

  it("its clients, installed alone, use it: @claimcheck/client from its tarball, and Python's by pip", async (context) => {
    const stack = await startStack()
    const alone = mkdtempSync(join(tmpdir(), "claimcheck-client-"))
    onTestFinished(() => rmSync(alone, { recursive: true }))
    writeFileSync(join(alone, "red.png"), flatPng([230, 10, 10]))
    await run("npm", ["install", "--no-audit", "--no-fund", await pack("./clients/javascript", alone)], { cwd: alone })
    const script = `import { openAsBlob } from "node:fs"
import { Claimcheck } from "@claimcheck/client"
const client = new Claimcheck({ url: process.env.CLAIMCHECK_URL })
console.log((await client.classify(await openAsBlob("red.png"))).status)\n`
    writeFileSync(join(alone, "use.mjs"), script)
    expect((await run(process.execPath, ["use.mjs"], { cwd: alone, env })).stdout).toBe("succeeded\n")
    expect(readdirSync(join(alone, "node_modules")).filter((name) => !name.startsWith("."))).toEqual(["@claimcheck"])

    const pip = await run("python3", ["-m", "pip", "--version"]).catch(() => null)
    if (pip === null) return context.skip("there is no pip here")
    // Building writes into the folder that it builds.
    cpSync("clients/python", join(alone, "source"), { recursive: true })
    await run("python3", ["-m", "pip", "install", "--quiet", "--target", "installed", "./source"], { cwd: alone })
    const code = `import sys; sys.path.insert(0, "installed"); import claimcheck
print(claimcheck.__file__, claimcheck.Claimcheck("${env.CLAIMCHECK_URL}").classify("red.png", no_cache=True)["status"])`
    const { stdout } = await run("python3", ["-c", code], { cwd: alone })
    expect(stdout).toMatch(/installed\/claimcheck\/__init__\.py succeeded/)
    expect(existsSync(join(alone, "installed/claimcheck/py.typed"))).toBe(true)
    await stack.stop()
  })

  it("`claimcheck/client` is there, with types", async () => {
    const code = `import { Claimcheck } from "claimcheck/client"
import { claimcheck } from "claimcheck/edge"
export const app = () => claimcheck({ redis: { url: "https://a.example", token: "t" }, tickets: "secret", maxImageBytes: 1e6 })
export const ask = async (): Promise<string | undefined> =>
  (await new Claimcheck({ url: "http://localhost" }).classify(new Uint8Array())).predictions?.[0]?.label\n`
    writeFileSync(inFolder("use.mts"), code)
    const args = [
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2023",
      "--types",
      "",
      "--skipLibCheck",
      "use.mts",
    ]
    await run(resolve("node_modules/.bin/tsc"), args, { cwd: folder })
    const { stdout } = await run(process.execPath, ["-e", 'import("claimcheck/client").then((all) => console.log(Object.keys(all).join()))'], { cwd: folder }) // biome-ignore format: one line
    expect(stdout.trim().split(",")).toContain("Claimcheck")
  })
})

describe("the package", () => {
  it("holds what runs and nothing else", () => {
    const files = treeOf(inFolder("node_modules", "claimcheck")).map(([path]) => path)
    const bytes = files.reduce((sum, path) => sum + statSync(inFolder("node_modules", "claimcheck", path)).size, 0)
    process.stdout.write(`package: ${files.length} files, ${(bytes / 1e6).toFixed(1)} MB\n`)
    expect(
      files.filter((path) => /\.map$|(?<!\.d)\.ts$|\.tsbuildinfo$|\.py$|\.mjs$|\.test\.|^test\//.test(path)),
    ).toEqual([])
    expect(files.length).toBeLessThan(700)
    for (const path of [
      "dist/cli/main.js",
      "dist/edge/worker-bundle.js",
      "models/efficientnet_lite0/LICENSE",
      "LICENSE",
    ])
      expect(files).toContain(path)
  })
})

/** The tarball of a folder, as `npm publish` would send it. */
async function pack(source: string, into: string): Promise<string> {
  const args = ["pack", source, "--json", "--ignore-scripts", "--pack-destination", into]
  const [{ filename }] = JSON.parse((await run("npm", args)).stdout) as [{ filename: string }]
  return join(into, filename)
}

/** `npx claimcheck start`, until it says that it is ready. */
async function startStack(): Promise<{ stop: () => Promise<void> }> {
  const child: ChildProcess = spawn("npx", ["claimcheck", "start"], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  })
  let output = ""
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => (output += String(data)))
  const ended = once(child, "close")
  let isGone = false
  void ended.then(() => (isGone = true))
  const stop = async () => {
    if (!isGone) process.kill(-(child.pid as number), "SIGTERM")
    await ended
  }
  onTestFinished(stop)
  await expect.poll(() => isGone || /^ready http/m.test(output), { timeout: 100_000 }).toBe(true)
  expect(output).toMatch(/^ready http/m)
  expect(output).toMatch(/edge +Node/)
  return { stop }
}

/** Every file under a folder, with its size and time. */
function treeOf(root: string): [string, number, number][] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => {
      const path = join(parentPath, name)
      const { size, mtimeMs } = statSync(path)
      return [path.slice(root.length + 1), size, mtimeMs] as [string, number, number]
    })
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

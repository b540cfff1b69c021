import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { build } from "esbuild"
import { Hono } from "hono"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { workerdEdgePart } from "../../../src/cli/stack/parts/parts.ts"
import { claimcheck } from "../../../src/edge/mount.ts"
import { examplesOfMarkdown } from "../../support/docs/docs-examples.ts"
import { startBackend } from "../../support/edge/edge-backend.ts"
import { FakeClassifier } from "../../support/edge/edge-classifier.ts"
import { type EdgeCommand, type EdgeProcess, openProcess } from "../../support/edge/edge-process.ts"
import type { Backend } from "../../support/edge/edge-runtime.ts"
import { uniqueJpeg } from "../../support/images/edge-images.ts"

const EXAMPLES = examplesOfMarkdown(readFileSync("docs/hono.md", "utf8"))
const RUNTIMES = ["node", "worker", "deno"] as const

let backend: Backend
let classifier: FakeClassifier
let folder: string
let env: Record<string, string>

beforeAll(async () => {
  backend = await startBackend()
  classifier = new FakeClassifier(backend)
  await classifier.arrive()
  env = {
    UPSTASH_REDIS_REST_URL: backend.url,
    UPSTASH_REDIS_REST_TOKEN: backend.token,
    TICKET_SECRET: "a-secret-of-the-tests",
  }
  // As in a project of its own: the package, and another copy of Hono than the package's.
  folder = mkdtempSync(join(tmpdir(), "claimcheck-mount-"))
  const installed = join(folder, "node_modules")
  mkdirSync(join(installed, "@hono"), { recursive: true })
  symlinkSync(resolve("."), join(installed, "claimcheck"))
  symlinkSync(resolve("node_modules/@hono/node-server"), join(installed, "@hono/node-server"))
  cpSync("node_modules/hono", join(installed, "hono"), { recursive: true })
  for (const { file, code } of EXAMPLES) if (file !== undefined) writeFileSync(join(folder, file), code)
})
afterAll(async () => {
  await backend?.stop()
  rmSync(folder, { recursive: true })
})

/** What runs an example of docs/hono.md as it stands there. */
async function commandFor(runtime: (typeof RUNTIMES)[number]): Promise<EdgeCommand> {
  const file = join(folder, `${runtime}.mjs`)
  if (runtime === "node") return { command: process.execPath, args: [file], env: { PORT: "0" }, ready: /^port (\d+)$/m }
  if (runtime === "deno") {
    const permissions = ["--allow-net", "--allow-env", "--no-prompt", "--cached-only", "--no-lock"]
    return {
      command: resolve("node_modules/.bin/deno"),
      args: ["serve", "--port=0", "--host=127.0.0.1", ...permissions, "--node-modules-dir=manual", "--no-config", file],
      env: { NO_COLOR: "1" },
      ready: /Listening on (http:\/\/[\d.:]+)/,
    }
  }
  // workerdEdgePart() takes the bundle of a package's folder.
  const root = join(folder, "worker")
  await build({
    entryPoints: [file],
    outfile: join(root, "dist/edge/worker-bundle.js"),
    bundle: true,
    format: "esm",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:workers"],
    logLevel: "warning",
  })
  cpSync("wrangler.toml", join(root, "wrangler.toml"))
  const { command, args } = workerdEdgePart({ root, env: {} }, env, { port: 0, folder: root })
  return { command, args: [...args, "--control-fd=1"], ready: /"socket":"http","port":(\d+)/ }
}

describe.each(RUNTIMES)("claimcheck() in an app of docs/hono.md, on %s", (runtime) => {
  let app: EdgeProcess
  beforeAll(async () => {
    app = await openProcess(await commandFor(runtime), env)
  })
  afterAll(() => app?.close())

  it("takes a picture below its mount path, and every link leads there", async () => {
    expect(await (await app.request("/")).text()).toBe("my app")
    const body = uniqueJpeg() as Uint8Array<ArrayBuffer>
    const submitted = await app.request("/images/v1/classifications?top_k=2", { method: "POST", body })
    expect(submitted.status, await submitted.clone().text()).toBe(202)
    const location = submitted.headers.get("location") ?? ""
    expect(location).toMatch(/^\/images\/v1\/classifications\/cls_/)
    await classifier.work()
    expect(await (await app.request(location)).json()).toMatchObject({
      status: "succeeded",
      predictions: [{ label: "castle" }, {}],
    })

    const list = { method: "POST", body: "url\nhttps://a.example/1.jpg", headers: { "content-type": "text/csv" } }
    const batch = (await (await app.request("/images/v1/batches?operation=inspect", list)).json()) as {
      results_url: string
    }
    expect(batch.results_url).toContain(`${app.url}/images/v1/batches/bat_`)
    expect((await fetch(`${batch.results_url}?format=csv`)).status).toBe(200)

    const document = (await (await app.request("/images/openapi.json")).json()) as { servers: unknown; paths: object }
    expect(document.servers).toEqual([{ url: "/images" }])
    expect(Object.keys(document.paths)).toContain("/v1/classifications")
    expect(Object.keys(document.paths)).not.toContain("/")
    expect(await (await app.request("/images/docs")).text()).toContain(`${app.url}/images/v1/classifications`)
    expect((await app.request("/images/readyz")).status).toBe(200)
  })

  it("answers with its own errors below its path, and leaves the rest to the app", async () => {
    const code = async (path: string, init?: RequestInit) => {
      const response = await app.request(path, init)
      return [response.status, response.headers.get("content-type")?.split(";")[0]]
    }
    expect(await code("/images/nothing")).toEqual([404, "application/problem+json"])
    expect(await code("/images/v1/queue", { method: "PUT" })).toEqual([405, "application/problem+json"])
    expect(await code("/images/v1/classifications", { method: "POST", body: "text" })).toEqual([
      415,
      "application/problem+json",
    ])
    expect(await code("/images")).toEqual([404, "application/problem+json"])
    expect(await code("/v1/queue")).toEqual([404, "text/plain"])
  })
})

describe("claimcheck()", () => {
  const given = () => ({ redis: { url: backend.url, token: backend.token }, tickets: ["a-secret-of-the-tests"] })

  it("knows where it is mounted, below a parameter too, and twice in one app", async () => {
    const images = claimcheck({ ...given(), allowAnonymous: true, allowedHosts: "*" })
    const app = new Hono().route("/of/:tenant/images", images).route("/", images)
    for (const base of ["/of/alice/images", ""]) {
      const body = uniqueJpeg() as Uint8Array<ArrayBuffer>
      const { status, headers } = await app.request(`${base}/v1/classifications`, { method: "POST", body })
      expect([status, headers.get("location")]).toEqual([
        202,
        expect.stringMatching(`^${base}/v1/classifications/cls_`),
      ])
    }
  })

  it("throws for a wrong option, and names it and no value", () => {
    const wrong = (options: object) => () => claimcheck({ ...given(), ...options })
    expect(wrong({ maxImageBytes: "hunter2" })).toThrow(/^Cannot start: MAX_IMAGE_BYTES must be a whole number$/)
    expect(wrong({ tickets: "short" })).toThrow("TICKET_SECRET")
    expect(wrong({ maxImageByte: 3 })).toThrow("there is no option maxImageByte")
    expect(wrong({ corsOrigins: ["https://a.example", "http://localhost:*"], allowAnonymous: false })).not.toThrow()
    // @ts-expect-error it is maxImageBytes
    expect(() => claimcheck({ ...given(), maxImageByte: 3 })).toThrow()
  })
})

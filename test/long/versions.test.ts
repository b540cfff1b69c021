import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, rm, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, expect, it } from "vitest"
import { openProcess } from "../support/edge/edge-process.ts"
import { edgeEnv } from "../support/edge/edge-runtime.ts"
import { flatPng } from "../support/images/images.ts"
import { startGateway, startRedis } from "../support/redis/redis-server.ts"
import { type PictureServer, startPictureServer } from "../support/servers/picture-server.ts"

/** What was last released with this schema number: docs/versions.md. */
const LAST_RELEASE = "a556e29cebcafd73a71ddeef6cc2b90d51b677b1"
const TODAY = process.cwd()

const run = promisify(execFile)
const isKnown = await run("git", ["cat-file", "-e", `${LAST_RELEASE}^{tree}`]).then(
  () => true,
  () => false,
)

let folder: string
let pictures: PictureServer
beforeAll(async () => {
  if (!existsSync("dist/edge/node.js")) throw new Error('Cannot find dist: run "npm run build" first')
  pictures = await startPictureServer({ pictures: [flatPng([9, 9, 200])], latencyMs: 0 })
  folder = await mkdtemp(join(tmpdir(), "claimcheck-last-release-"))
  if (!isKnown) return
  await run("sh", ["-c", `git archive ${LAST_RELEASE} | tar x -C ${folder}`])
  await symlink(join(TODAY, "node_modules"), join(folder, "node_modules"))
  await run("npm", ["run", "--silent", "build"], { cwd: folder })
}, 300_000)
afterAll(async () => {
  await pictures?.close()
  if (folder) await rm(folder, { recursive: true, force: true })
})

/** An edge and a classifier on one Redis, each from a folder of its own. */
async function startPair({ edgeRoot, classifierRoot }: { edgeRoot: string; classifierRoot: string }) {
  const server = await startRedis()
  const gateway = await startGateway({ redisUrl: server.url })
  const script = (root: string, path: string, env: Record<string, string>, ready: RegExp) =>
    openProcess({ command: process.execPath, args: [join(root, path)], env, ready }, shared)
  const shared = await edgeEnv(gateway, { RATE_LIMIT: "off", READ_LIMIT: "off", ALLOW_ADDRESSES: pictures.address })
  const classifier = await script(
    classifierRoot,
    "dist/classifier/main.js",
    { LANES: "1", HEALTH_PORT: "0" },
    /"(?:health\.listening".*"url|classifier\.ready".*"health)":"([^"]+)"/, // The latter by the last release.
  )
  const edge = await script(
    edgeRoot,
    "dist/edge/node.js",
    { PORT: "0", HEALTH_PORT: "0" },
    /"edge\.ready","url":"([^"]+)"/,
  )
  return {
    edge,
    classifier,
    async close() {
      await edge.close()
      await classifier.close()
      await gateway.close()
      await server.stop()
    },
  }
}

const pairs = [
  { what: "the last release's edge with today's classifier", isEdgeOld: true },
  { what: "today's edge with the last release's classifier", isEdgeOld: false },
]

const shown = isKnown ? pairs : []
it.each(shown)(
  "$what: tickets, shared answers, outputs, cancels and lists come to their end",
  async ({ isEdgeOld }) => {
    const [edgeRoot, classifierRoot] = isEdgeOld ? [folder, TODAY] : [TODAY, folder]
    const pair = await startPair({ edgeRoot, classifierRoot })
    try {
      const { edge } = pair
      const read = async (path: string) => (await edge.request(path)).json() as Promise<{ [name: string]: unknown }>
      const send = async (query: string, red: number) => {
        const body = flatPng([red, 0, 0]) as Uint8Array<ArrayBuffer>
        const response = await edge.request(`/v1/classifications${query}`, { method: "POST", body })
        expect(response.status, await response.clone().text()).toBeLessThan(203)
        return `/v1/classifications/${((await response.json()) as { id: string }).id}`
      }
      const done = (path: string) => expect.poll(() => read(path), { timeout: 60_000 })

      const same = await Promise.all([send("", 1), send("", 1), send("", 2)])
      for (const path of same)
        await done(path).toMatchObject({ status: "succeeded", done: true, predictions: { length: 5 } })
      await done(await send("", 1)).toMatchObject({ status: "succeeded", cached: true })

      const compressed = await send("?operation=compress&format=webp", 3)
      await done(compressed).toMatchObject({ status: "succeeded", output: { content_type: "image/webp" } })
      const { output } = (await read(compressed)) as { output: { url: string } }
      expect((await edge.request(new URL(output.url, edge.url).pathname)).status).toBe(200)

      const canceled = await send("?operation=inspect", 4)
      const { status } = await edge.request(canceled, { method: "DELETE" })
      await done(canceled).toMatchObject(status === 409 ? { status: "succeeded" } : { status: "canceled" })

      const list = ["url", ...[0, 1, 2].map((number) => pictures.urlOf(number))].join("\n")
      const headers = { "content-type": "text/csv" }
      const batch = await edge.request("/v1/batches?operation=inspect", { method: "POST", body: list, headers })
      expect(batch.status, await batch.clone().text()).toBe(202)
      const { id } = (await batch.json()) as { id: string }
      await done(`/v1/batches/${id}`).toMatchObject({ status: "succeeded", done: true })
      expect(await (await edge.request(`/v1/batches/${id}/results?format=csv`)).text()).toContain("png")
      expect(pair.classifier.logged() + edge.logged()).not.toMatch(/"level":"error"/)
    } finally {
      await pair.close()
    }
  },
  240_000,
)

// Only where it holds, so that a whole clone skips nothing.
if (!isKnown) {
  it(`cannot be shown without the history of git: ${LAST_RELEASE.slice(0, 7)} is not here`, (context) => {
    context.skip("run `git fetch --unshallow` to have releases run against each other")
  })
}

import { execFile } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"
import { build } from "esbuild"
import { describe, expect, onTestFinished, test } from "vitest"
import { Claimcheck } from "../../../../src/lib/client/claimcheck.ts"
import { sleep } from "../../../../src/lib/sleep.ts"
import { fakeEdge, PICTURE, queued, succeeded } from "../../../contract/client-fake-edge.ts"
import { clientSuite } from "../../../contract/client-suite.ts"

describe("the client, on Node", () => {
  for (const { name, run } of clientSuite) test(name, run)

  test("what it does not take is an error of types, too", () => {
    const use = async (client: Claimcheck, variable: string) => {
      // @ts-expect-error the name of a file
      await client.classify("file.jpg")
      // @ts-expect-error whether it is a URL is not known
      await client.submit(variable)
      // @ts-expect-error it is topK
      await client.submit(new Blob(), { top_k: 3 })
      await client.submit({ imageUrl: variable }, { topK: 3 })
      // @ts-expect-error quality is not resize's alone, but crop is nobody's
      await client.resize(new Blob(), { width: 3, crop: true })
      // @ts-expect-error a text is no list
      await client.submitBatch("url")
      // @ts-expect-error it is batchSize
      await client.submitBatch([], { batch_size: 3 })
      await client.submitBatch([variable, { url: variable }], { batchSize: 3, options: { quality: 3 } })
    }
    expect(use).toBeTypeOf("function")
  })

  test("the samples of docs/client.md are TypeScript, too, and strict", { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "claimcheck-samples-"))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const samples = [...readFileSync("docs/client.md", "utf8").matchAll(/^```javascript\n(.*?)^```$/gms)]
    expect(samples.length).toBeGreaterThan(0)
    // They go on from one to the next.
    writeFileSync(join(folder, "samples.mts"), samples.map(([, code = ""]) => code).join(""))
    const compilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      target: "es2024",
      lib: ["es2024", "dom", "dom.iterable"],
      module: "nodenext",
      allowImportingTsExtensions: true,
      types: ["node"],
      typeRoots: [resolve("node_modules/@types")],
      paths: { "claimcheck/client": [resolve("src/lib/client/claimcheck.ts")], zod: [resolve("node_modules/zod")] },
    }
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["*.mts"] }))
    const told = await promisify(execFile)(resolve("node_modules/.bin/tsc"), ["-p", folder]).catch(
      ({ stdout }: { stdout: string }) => ({ stdout }),
    )
    expect(told.stdout).toBe("")
  })

  test("is 6 kB of a page, of its own files and no library", async () => {
    const { outputFiles, metafile } = await build({
      ...{ entryPoints: ["src/lib/client/claimcheck.ts"], bundle: true, minify: true, format: "esm" },
      ...{ write: false, metafile: true, logLevel: "silent" },
    })
    expect(Object.keys(metafile.inputs).filter((file) => !file.startsWith("src/lib/"))).toEqual([])
    expect(gzipSync(outputFiles[0]?.contents ?? "").length).toBeLessThan(6_500)
  })

  test("an address where nobody listens is refused at once, on a real socket", async () => {
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    const sleeps: number[] = []
    const client = new Claimcheck({ url: `http://127.0.0.1:${port}`, sleep: async (ms) => void sleeps.push(ms) })
    await expect(client.classify(PICTURE)).rejects.toMatchObject({
      code: "network",
      message: `Cannot reach http://127.0.0.1:${port}: nobody listens there`,
    })
    expect(sleeps).toEqual([])
  })

  test("many waits on one signal are no leak to be warned of", async () => {
    const warnings: Error[] = []
    const note = (warning: Error) => void warnings.push(warning)
    process.on("warning", note)
    onTestFinished(() => void process.off("warning", note))
    const { signal } = new AbortController()
    const waits = Array.from({ length: 20 }, () => {
      const edge = fakeEdge([queued({ "poll-after-ms": "10" }), succeeded()])
      return edge.client({ sleep }).classify(PICTURE, { signal })
    })
    await Promise.all(waits)
    // Warnings come on the next tick.
    await new Promise((resolve) => setImmediate(resolve))
    expect(warnings).toEqual([])
  })
})

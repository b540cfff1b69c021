import { execFile } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
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

  describe("its types, in a strict project", () => {
    const compilerOptions = {
      strict: true,
      module: "nodenext",
      types: ["node"],
      typeRoots: [resolve("node_modules/@types")],
      skipLibCheck: true,
    }
    const compile = async (folder: string, project: object) => {
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(project))
      const told = await promisify(execFile)(resolve("node_modules/.bin/tsc"), ["-p", folder], { cwd: folder }).catch(
        ({ stdout }: { stdout: string }) => ({ stdout }),
      )
      return told.stdout
    }
    const newFolder = () => {
      const folder = mkdtempSync(join(tmpdir(), "claimcheck-types-"))
      onTestFinished(() => rmSync(folder, { recursive: true }))
      return folder
    }

    test("take the samples of docs/client.md, with the DOM and, as packed, without it", {
      timeout: 120_000,
    }, async () => {
      const folder = newFolder()
      symlinkSync(resolve("node_modules"), join(folder, "node_modules"))
      const samples = [...readFileSync("docs/client.md", "utf8").matchAll(/^```javascript\n(.*?)^```$/gms)]
      expect(samples.length).toBeGreaterThan(0)
      // They go on from one to the next.
      writeFileSync(join(folder, "samples.mts"), samples.map(([, code = ""]) => code).join(""))
      const entry = resolve("src/lib/client/claimcheck.ts")
      const withDom = {
        ...compilerOptions,
        noEmit: true,
        target: "es2024",
        lib: ["es2024", "dom", "dom.iterable"],
        allowImportingTsExtensions: true,
        paths: { "claimcheck/client": [entry] },
      }
      expect(await compile(folder, { compilerOptions: withDom, include: ["*.mts"] })).toBe("")

      const packed = join(folder, "packed")
      const emit = {
        ...compilerOptions,
        target: "es2023",
        lib: ["es2023", "dom", "dom.iterable"],
        declaration: true,
        emitDeclarationOnly: true,
        rewriteRelativeImportExtensions: true,
        rootDir: resolve("src"),
        outDir: packed,
      }
      expect(await compile(folder, { compilerOptions: emit, files: [entry] })).toBe("")
      const paths = { "claimcheck/client": [join(packed, "lib/client/claimcheck.d.ts")] }
      const withoutDom = {
        ...compilerOptions,
        noEmit: true,
        target: "es2023",
        lib: ["es2023"],
        skipLibCheck: false,
        paths,
      }
      const found = await compile(folder, { compilerOptions: withoutDom, include: ["samples.mts", "packed"] })
      // What @types/node and zod say of themselves is not ours.
      expect(found.split("\n").filter((line) => /^(samples|packed)/.test(line))).toEqual([])
    })
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

  test("a host name that does not resolve is said to be just that, at once", async () => {
    const sleeps: number[] = []
    const url = "http://no-such-host.invalid"
    const cause = Object.assign(new Error("getaddrinfo ENOTFOUND no-such-host.invalid"), { code: "ENOTFOUND" })
    const fetch = async () => Promise.reject(new TypeError("fetch failed", { cause }))
    const client = new Claimcheck({ url, fetch, sleep: async (ms) => void sleeps.push(ms) })
    await expect(client.classify(PICTURE)).rejects.toMatchObject({
      code: "network",
      message: `Cannot reach ${url}: its host name does not resolve`,
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

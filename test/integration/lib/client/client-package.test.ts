import { execFile } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { gzipSync } from "node:zlib"
import { beforeAll, describe, expect, onTestFinished, test } from "vitest"

const run = promisify(execFile)
const PACKAGE = "clients/javascript"
const read = (path: string) => readFileSync(path, "utf8")
const STRICT = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "nodenext", "--target", "es2023"]
const tsc = (cwd: string, args: readonly string[]) =>
  run(resolve("node_modules/.bin/tsc"), [...STRICT, ...args], { cwd })

/** A project with nothing but what npm would install. */
function newProject(): string {
  const folder = mkdtempSync(join(tmpdir(), "claimcheck-client-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const installed = join(folder, "node_modules/@claimcheck/client")
  mkdirSync(installed, { recursive: true })
  for (const name of ["package.json", "dist"]) cpSync(join(PACKAGE, name), join(installed, name), { recursive: true })
  return folder
}

describe("@claimcheck/client", () => {
  let code: string
  beforeAll(() => {
    code = read(`${PACKAGE}/dist/client.js`)
  })

  test("is one module of at most 12 kB, gzipped, that imports nothing, with a declared version and provenance", () => {
    expect(gzipSync(code).length).toBeLessThan(12_000)
    expect(gzipSync(code).length).toBeGreaterThan(4_000)
    expect(code).not.toMatch(/\bimport\b *[({"*]|\brequire\(/)
    const { dependencies, version, publishConfig, repository } = JSON.parse(read(`${PACKAGE}/package.json`))
    expect({ dependencies, publishConfig }).toEqual({ publishConfig: { access: "public", provenance: true } })
    const ours = JSON.parse(read("package.json"))
    expect([version, repository.url]).toEqual([ours.version, ours.repository.url])
    expect(JSON.parse(read(`${PACKAGE}/jsr.json`)).version).toBe(version)
  })

  test("loads without any other package, and exports what `claimcheck/client` does", async () => {
    const folder = newProject()
    const print = 'import("@claimcheck/client").then((all) => console.log(Object.keys(all).sort().join()))'
    const { stdout } = await run(process.execPath, ["-e", print], { cwd: folder })
    expect(stdout.trim()).toBe("Batch,Claimcheck,ClaimcheckError,Ticket")
    expect(
      Object.keys(await import("../../../../src/lib/client/claimcheck.ts"))
        .sort()
        .join(),
    ).toBe(stdout.trim())
  })

  test("has types of its own that check without skipping libraries, and are those of the sources", async () => {
    const folder = newProject()
    symlinkSync(resolve("src"), join(folder, "src"))
    const names = [
      "BatchTicket",
      "ModelList",
      "QueueStats",
      "TicketData",
      "BatchRow",
      "OperationOptions",
      "SubmitOptions",
    ]
    const uses = `import { Claimcheck, type TicketData } from "@claimcheck/client"
export const label = (ticket: TicketData): string | undefined => ticket.predictions?.[0]?.label
export const ask = (): Promise<TicketData> => new Claimcheck({ url: "http://localhost" }).classify(new Uint8Array(), { topK: 3 })
// @ts-expect-error it is topK
void new Claimcheck({ url: "http://localhost" }).classify(new Uint8Array(), { top_k: 3 })\n`
    writeFileSync(join(folder, "uses.mts"), uses)
    await tsc(folder, ["--lib", "es2023,dom", "--types", "", "uses.mts"])

    const same = names.map(
      (name) =>
        `{ const to: (a: Source.${name}) => Built.${name} = (a) => a; const from: (a: Built.${name}) => Source.${name} = (a) => a; void [to, from] }`,
    )
    const imports = `import type * as Built from "@claimcheck/client"
import type * as Source from ${JSON.stringify(resolve("src/lib/client/claimcheck.ts"))}\n`
    writeFileSync(join(folder, "same.mts"), imports + same.join("\n"))
    const args = ["--lib", "es2023,dom,dom.iterable", "--types", "", "--skipLibCheck", "--allowImportingTsExtensions"]
    await tsc(folder, [...args, "same.mts"])
  })

  test("`deno publish --dry-run` takes it for JSR, types and all", async () => {
    const { stderr } = await run(resolve("node_modules/.bin/deno"), ["publish", "--dry-run", "--allow-dirty"], {
      cwd: PACKAGE,
      env: { ...process.env, NO_COLOR: "1" },
    })
    expect(stderr).toContain("Checking for slow types in the public API")
    expect(stderr).toMatch(/dist\/client\.d\.ts[\s\S]*Success/)
  })
})

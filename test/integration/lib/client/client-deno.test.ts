import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, test } from "vitest"
import { clientSuite } from "../../../contract/client-suite.ts"
import type { CaseResult } from "../../../contract/client-suite-run.ts"

const DENO = fileURLToPath(new URL("../../../../node_modules/.bin/deno", import.meta.url))
const SUITE = new URL("../../../contract/client-suite-run.ts", import.meta.url)

describe("the client, on Deno", () => {
  test("keeps every promise, and needs no permission but that to import itself", async () => {
    const script = `import { runClientSuite } from ${JSON.stringify(SUITE.href)}\nconsole.log(JSON.stringify(await runClientSuite()))`
    const url = `data:application/typescript,${encodeURIComponent(script)}`
    const { stdout } = await promisify(execFile)(DENO, ["run", "--no-remote", "--no-config", "--no-prompt", url])
    const results = JSON.parse(stdout) as CaseResult[]
    expect(results.filter(({ error }) => error !== null)).toEqual([])
    expect(results.map(({ name }) => name)).toEqual(clientSuite.map(({ name }) => name))
  })
})

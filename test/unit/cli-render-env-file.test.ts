import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { describe, expect, onTestFinished, test } from "vitest"
import { unstable_getVarsForDev as readAsWrangler } from "wrangler"
import { renderEnvFile } from "../../src/cli/stack/render-env-file.ts"

describe("renderEnvFile()", () => {
  test("is read back by wrangler as it was", () => {
    const variables = {
      PLAIN: "whsec_a+b/c==",
      SPACED: " a b # c ",
      APOSTROPHE: String.raw`it's \n`,
      BOTH: `it's "x"`,
      LINES: "two\nlines",
      BACKSLASH: "back\\slash\\n",
      DOLLAR: "$HOME $" + "{HOME} a$b $$",
    }
    const path = join(mkdtempSync(join(tmpdir(), "claimcheck-")), "edge.env")
    writeFileSync(path, renderEnvFile(variables))
    onTestFinished(() => rmSync(dirname(path), { recursive: true }))
    const read = readAsWrangler(undefined, [path], {}, undefined, true)
    expect(Object.entries(read).map(([name, { value }]) => [name, value])).toEqual(Object.entries(variables))
  })

  test("names the variable that no quote can hold", () => {
    expect(() => renderEnvFile({ ODD: `'"\`` })).toThrow("Cannot pass ODD")
  })
})

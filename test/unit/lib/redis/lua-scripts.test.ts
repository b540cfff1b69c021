import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { compileFiles } from "../../../../scripts/lua/compile-scripts.ts"
import { readLua } from "../../../../scripts/lua/lua-file.ts"
import { createKeys } from "../../../../src/lib/redis/keys.ts"
import type { Script } from "../../../../src/lib/redis/script.ts"
import * as scripts from "../../../../src/lib/redis/scripts.ts"

const HEADER = "-- KEYS[1] prefix\n-- Returns 1\n"

/** What becomes of one script, and of the includes that it can name. */
function compile(script: string, includes: Record<string, string> = {}, header = HEADER): Script {
  const files = Object.entries(includes).map(([name, text]) => readLua(`queue/scripts/include/${name}.lua`, text))
  const compiled = compileFiles([...files, readLua("queue/scripts/try-it.lua", header + script)])
  return JSON.parse(compiled.match(/^export const TRY_IT: Script = (.*)$/m)?.[1] ?? "null")
}

describe("compileScripts()", () => {
  it("gives a script what it uses of its includes and of theirs, each before its use, without comments", () => {
    const { text } = compile('--- include "upper"\n-- Why.\nreturn double(2)', {
      upper: '--- include "lower"\nlocal function double(n) return add(n, n) end -- by adding',
      lower: "local function add(a, b) return a + b end",
    })
    expect(text).toBe(
      "local function add(a, b) return a + b end\nlocal function double(n) return add(n, n) end\nreturn double(2)",
    )
  })

  it("leaves out what one script does not use of an include that another needs", () => {
    const include = readLua(
      "a/include/both.lua",
      "local function one() return 1 end\nlocal function two() return 2 end",
    )
    const scriptOf = (name: string) => readLua(`a/${name}.lua`, `${HEADER}--- include "both"\nreturn ${name}()`)
    const compiled = compileFiles([include, scriptOf("one"), scriptOf("two")])
    expect(compiled).toMatch(/ONE: Script = .*one\(\) return 1.*\n.*TWO: Script = .*two\(\) return 2/)
    expect(compiled).not.toMatch(/ONE: Script = .*two/)
  })

  it("writes the names of keys and counters as src/lib/redis/keys.ts has them", () => {
    const { text } = compile("return { keys.leases, keys.job(1), keys.wakeChannel, fields.finishTag(2, 3) }")
    const keys = createKeys("some")
    expect(text).toContain(`leases = KEYS[1] .. "${keys.leases.slice(keys.prefix.length)}"`)
    expect(text).toContain('job = function(a) return KEYS[1] .. ":job:" .. a end')
    expect(text).toContain(`wakeChannel = KEYS[1]:match("{(.-)}") .. "${keys.wakeChannel.slice("some".length)}"`)
    expect(text).toContain('finishTag = function(a,b) return "f:" .. a .. ":" .. b end')
    expect(text).not.toContain("dead")
  })

  it.each([
    ["a name that nobody declares", "return other", {}, /try-it.lua:3: other is declared by nothing/],
    ["a global", "count = 1\nreturn 1", {}, /try-it.lua:3: count is declared by nothing/],
    ["a name that comes later", "f()\nlocal function f() return 1 end\nreturn f()", {}, /:3: f is declared by nothing/],
    ["a local of a script that nothing uses", "local idle = 1\nreturn 1", {}, /:3: idle is declared and never used/],
    [
      "one inside a function",
      "local f = function(used, idle) return used end\nreturn f()",
      {},
      /idle is declared and never/,
    ],
    [
      "an include of an include",
      '--- include "b"\nreturn a()',
      { a: "local function a() end", b: '--- include "a"\nlocal function b() return a() end' },
      /a is declared by nothing/,
    ],
    ["an include that is not used", '--- include "a"\nreturn 1', { a: "local function a() end" }, /"a" is not used/],
    ["an include that is not there", '--- include "a"\nreturn a()', {}, /there is no include "a"/],
    [
      "a function of an include that no script uses",
      '--- include "a"\nreturn a()',
      { a: "local function a() end\nlocal function b() end" },
      /a.lua:2: no script uses b/,
    ],
    ["a key that is not in keys.ts", "return keys.other", {}, /no keys.other/],
    ["an argument that is not documented", "return ARGV[2]", {}, /does not say ARGV\[2\]/],
  ])("refuses %s", (_what, script, includes, message) => {
    expect(() => compile(script, includes as unknown as Record<string, string>)).toThrow(message)
  })

  it("refuses a script that does not say what it returns", () => {
    expect(() => compile("return 1", {}, "-- KEYS[1] prefix\n")).toThrow("does not say Returns")
  })
})

describe("The scripts of src/lib", () => {
  it("are sent by the SHA-1 of their texts, with and without the first line", () => {
    const sha1 = (text: string) => createHash("sha1").update(text).digest("hex")
    for (const script of Object.values(scripts)) {
      const plain = script.text.replace(/^#!.*\n/, "")
      expect(script).toMatchObject({ sha1: sha1(script.text) })
      expect(script.plainSha1).toBe(plain === script.text ? undefined : sha1(plain))
    }
  })
})

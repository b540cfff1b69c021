import { createHash } from "node:crypto"
import { describe, expect, it } from "vitest"
import { createScriptFlags } from "../../../../src/gateway/redis/script-flags.ts"

const sha1 = (text: string) => createHash("sha1").update(text).digest("hex")

describe("createScriptFlags()", () => {
  it.each([
    ["#!lua flags=allow-key-locking\nreturn 1", "#!lua\nreturn 1"],
    ["#!lua flags=allow-key-locking,no-writes\nreturn 1", "#!lua flags=no-writes\nreturn 1"],
    [
      "#!lua flags=no-writes,allow-key-locking,allow-stale\r\nreturn 1",
      "#!lua flags=no-writes,allow-stale\r\nreturn 1",
    ],
    ["#!lua name=lib flags=allow-key-locking\n", "#!lua name=lib\n"],
  ])("takes the flag out of %j, and nothing else", (source, expected) => {
    expect(createScriptFlags().translate(["eval", source, "0"]).command).toEqual(["eval", expected, "0"])
    const bytes = createScriptFlags().translate(["EVAL", Buffer.from(`${source}\xff`, "latin1"), "0"]).command[1]
    expect(bytes).toEqual(Buffer.from(`${expected}\xff`, "latin1"))
  })

  it.each([
    "return 'flags=allow-key-locking'",
    "-- #!lua flags=allow-key-locking\nreturn 1",
    "#!lua flags=no-writes\nreturn 'allow-key-locking'",
  ])("leaves %j as it is", (source) => {
    expect(createScriptFlags().translate(["EVAL", source, "0"]).command).toEqual(["EVAL", source, "0"])
  })

  it("answers SCRIPT LOAD, SCRIPT EXISTS and EVALSHA by the SHA-1 of the text as it was written", () => {
    const source = "#!lua flags=allow-key-locking\nreturn 1"
    const stripped = sha1("#!lua\nreturn 1")
    const flags = createScriptFlags()
    const load = flags.translate(["SCRIPT", "load", source])
    expect(load.reply?.(Buffer.from(stripped))).toEqual(Buffer.from(sha1(source)))
    expect(flags.translate(["EVALSHA", sha1(source), "0"]).command[1]).toBe(stripped)
    const other = sha1("other")
    expect(flags.translate(["SCRIPT", "EXISTS", other, sha1(source)]).command).toEqual([
      "SCRIPT",
      "EXISTS",
      other,
      stripped,
    ])
  })

  it("remembers no more scripts than it may", () => {
    const flags = createScriptFlags({ maxScripts: 2 })
    const sources = [1, 2, 3].map((n) => `#!lua flags=allow-key-locking\nreturn ${n}`)
    for (const source of sources) flags.translate(["EVAL", source, "0"])
    const found = sources.map((source) => flags.translate(["EVALSHA", sha1(source), "0"]).command[1] !== sha1(source))
    expect(found).toEqual([false, true, true])
  })
})

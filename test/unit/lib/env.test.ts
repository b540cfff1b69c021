import { describe, expect, it } from "vitest"
import * as z from "zod"
import { readEdgeConfig } from "../../../src/edge/config.ts"
import { ConfigError, flag, parseEnv, wholeNumber, words } from "../../../src/lib/env.ts"

const schema = z.object({ LIMIT: wholeNumber(7, 2), ON: flag(true), NAMES: words(), NEEDED: z.string().min(3) })
const set = { NAMES: "a", NEEDED: "abc" }

function messageOf(env: Record<string, unknown>): string {
  try {
    parseEnv(schema, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  throw new Error("It was accepted")
}

describe("parseEnv()", () => {
  it("reads values and defaults, and takes a variable that is set to nothing as not set", () => {
    expect(parseEnv(schema, set)).toEqual({ LIMIT: 7, ON: true, NAMES: ["a"], NEEDED: "abc" })
    expect(parseEnv(schema, { ...set, LIMIT: "", ON: "" })).toMatchObject({ LIMIT: 7, ON: true })
    expect(parseEnv(schema, { ...set, LIMIT: "12", ON: "0", NAMES: " a, b\n\tc,," })).toEqual({
      LIMIT: 12,
      ON: false,
      NAMES: ["a", "b", "c"],
      NEEDED: "abc",
    })
  })

  it("names every variable that is wrong or missing, and never its value", () => {
    const message = messageOf({ LIMIT: "hunter2-limit", ON: "hunter2-on", NEEDED: "h2" })
    for (const name of ["LIMIT", "ON", "NEEDED"]) expect(message).toContain(name)
    expect(message).toContain("NAMES is not set")
    expect(message).not.toContain("hunter2")
    expect(message).not.toContain("h2")
  })

  it.each(["1", "-3", "1.5", "1e3", "0x10", " 3", "9007199254740993"])(
    "refuses %j as a whole number of 2 or more",
    (text) => {
      expect(messageOf({ ...set, LIMIT: text })).toMatch(/LIMIT (must be|is too large)/)
    },
  )
})

describe("readEdgeConfig()", () => {
  const hash = "ab".repeat(32)
  const env = { UPSTASH_REDIS_REST_URL: "https://r.test", UPSTASH_REDIS_REST_TOKEN: "t", TICKET_SECRET: "s".repeat(16) }

  it("reads keys with their weights, and has no key and no anonymous caller unless told", () => {
    expect(readEdgeConfig(env)).toMatchObject({ API_KEYS: [], ALLOW_ANONYMOUS: false, MAX_IMAGE_BYTES: 8_000_000 })
    const { API_KEYS } = readEdgeConfig({ ...env, API_KEYS: `ci:${hash.toUpperCase()}, night-batch:${hash}:0.25` })
    expect(API_KEYS).toEqual([
      { name: "ci", sha256: hash, weight: 1 },
      { name: "night-batch", sha256: hash, weight: 0.25 },
    ])
  })

  it("gives no key a weight of nothing, which would divide by it", () => {
    expect(readEdgeConfig({ ...env, API_KEYS: `ci:${hash}:0` }).API_KEYS[0]?.weight).toBeGreaterThan(0)
  })

  it("names what is wrong, never what it is", () => {
    const wrong = { API_KEYS: "ci:hunter2", TICKET_SECRET: "hunter2", UPSTASH_REDIS_REST_URL: "hunter2" }
    expect(() => readEdgeConfig({ ...env, ...wrong })).toThrow(ConfigError)
    expect(() => readEdgeConfig({ ...env, ...wrong })).not.toThrow(/hunter2/)
    for (const name of Object.keys(wrong)) expect(() => readEdgeConfig({ ...env, ...wrong })).toThrow(name)
    expect(() => readEdgeConfig({ ...env, UPSTASH_REDIS_REST_URL: "redis://r.test" })).toThrow(
      "UPSTASH_REDIS_REST_URL must be an http or https address",
    )
  })
})

import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { findEndpoint } from "../../../../../src/cli/stack/redis/find-endpoint.ts"

const folder = mkdtempSync(join(tmpdir(), "claimcheck-"))
const runPath = join(folder, "run.json")
const rest = { url: "http://127.0.0.1:8079", token: "local" }
const given = { UPSTASH_REDIS_REST_URL: "https://x.upstash.io", UPSTASH_REDIS_REST_TOKEN: "t" }

test("findEndpoint() prefers what the environment names to the stack that runs here", () => {
  onTestFinished(() => rmSync(folder, { recursive: true }))
  expect(() => findEndpoint({}, runPath)).toThrow("no stack runs here. Start one with `npm start`")
  writeFileSync(runPath, JSON.stringify({ pid: 1, url: "", groups: [] }))
  expect(() => findEndpoint({}, runPath)).toThrow("no stack runs here")
  writeFileSync(runPath, JSON.stringify({ pid: 1, url: "u", rest, groups: [] }))
  expect(findEndpoint({}, runPath)).toEqual({
    UPSTASH_REDIS_REST_URL: rest.url,
    UPSTASH_REDIS_REST_TOKEN: rest.token,
  })
  expect(findEndpoint(given, runPath)).toEqual(given)
  const REDIS_URL = "rediss://:p@h:1/2"
  expect(findEndpoint({ ...given, REDIS_URL }, runPath)).toEqual({ REDIS_URL })
  expect(() => findEndpoint({ REDIS_URL: "redis://:hunter2@" }, runPath)).toThrow(/REDIS_URL(?!.*hunter2)/)
  expect(() => findEndpoint({ UPSTASH_REDIS_REST_URL: "https://x" }, runPath)).toThrow("set both, or neither")
})

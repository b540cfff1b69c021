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
  expect(findEndpoint({}, runPath)).toEqual(rest)
  expect(findEndpoint(given, runPath)).toEqual({ url: "https://x.upstash.io", token: "t" })
  expect(() => findEndpoint({ UPSTASH_REDIS_REST_URL: "https://x" }, runPath)).toThrow("set both, or neither")
})

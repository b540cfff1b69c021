// What the tests need of the system and Debian has: Redis, Chromium for what must work in a browser, and promtool (of Prometheus)
// for the alert rules. Run by `npm test`.
import { execFileSync } from "node:child_process"
import { existsSync, rmSync } from "node:fs"
import { findExecutable } from "../../../src/cli/stack/redis/find-executable.ts"
import { findRedis } from "../../../src/cli/stack/redis/find-redis.ts"

const say = (line: string) => process.stdout.write(`${line}\n`)

await findRedis((how) => say(`The tests need Redis: ${how} …`), AbortSignal.timeout(300_000))

const canInstall = process.getuid?.() === 0 && findExecutable(["apt-get"]) !== null
const packages = [
  ...(findExecutable(["chromium"]) === null ? ["chromium"] : []),
  // Without it the tests of the alert rules are skipped, and say so.
  ...(canInstall && findExecutable(["promtool"]) === null ? ["prometheus"] : []),
]
if (packages.length > 0) {
  if (!canInstall) {
    throw new Error("The tests need Chromium: install your system's package `chromium`, then run them again")
  }
  say(`The tests need ${packages.join(", ")}: apt-get update, then apt-get install …`)
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  execFileSync("apt-get", ["update", "-q"], { env, stdio: "pipe" })
  execFileSync("apt-get", ["install", "-y", "-q", "--no-install-recommends", ...packages], { env, stdio: "pipe" })
}

// No dependencies of ours: ONNX Runtime, which who wants ENGINE=native adds (its own script would fetch files for GPUs), and Node 24,
// for the tests of the lanes. Together, since npm removes what it does not know of.
const node24 = `node-${process.platform}-${process.arch}`
if (!["onnxruntime-node", node24].every((name) => existsSync(`node_modules/${name}`))) {
  const flags = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund"]
  say("The tests need ONNX Runtime and Node 24: npm install --no-save …")
  execFileSync("npm", ["install", ...flags, "onnxruntime-node@1.30.0", `${node24}@24`], { stdio: "pipe" })
}
// `npm run` looks there first: everything would run on Node 24.
rmSync("node_modules/.bin/node", { force: true })

// A project of its own, as somebody has it who generates a client: openapi-typescript needs another TypeScript than ours.
if (!existsSync("test/openapi-client/node_modules")) {
  say("The tests need a generator of clients: npm ci in test/openapi-client …")
  execFileSync("npm", ["ci", "--no-audit", "--no-fund"], { cwd: "test/openapi-client", stdio: "pipe" })
}

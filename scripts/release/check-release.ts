import { execFileSync } from "node:child_process"
import { rmSync } from "node:fs"
import { readRelease } from "./read-release.ts"
import { releaseProblems } from "./release-problems.ts"

// `npm run release:check [-- v1.2.3]`: versions, changelog, a clean checkout, and the packages built anew, packed, installed and used.
const changed = execFileSync("git", ["status", "--porcelain"], { encoding: "utf8" }).trim()
const problems = [
  ...releaseProblems(readRelease(process.argv[2])),
  ...(changed === "" ? [] : [`The checkout has changes:\n${changed}`]),
]
if (problems.length > 0) {
  process.stderr.write(`Not ready to be released:\n${problems.map((problem) => `- ${problem}\n`).join("")}`)
  process.exit(1)
}
// An earlier build leaves modules of files that have moved.
for (const built of ["dist", "clients/javascript/dist"]) rmSync(built, { recursive: true, force: true })
const run = (command: string, args: readonly string[]) => execFileSync(command, args, { stdio: "inherit" })
run("npm", ["run", "--silent", "build"])
run("npx", ["vitest", "run", "--project", "long", "test/long/package.test.ts"])

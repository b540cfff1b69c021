import { createRequire } from "node:module"
import { dirname, join } from "node:path"

/** The binary of Node 24, which the npm registry has; test/support/docs/install-packages.ts installs it. */
export function node24(): string {
  const name = `node-${process.platform}-${process.arch}`
  const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
  return join(folder, "bin/node")
}

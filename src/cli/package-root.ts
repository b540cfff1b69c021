import { fileURLToPath } from "node:url"

/** The folder that the package lies in: from dist/cli, and from src/cli, two up. */
export function packageRoot(): string {
  return fileURLToPath(new URL("../..", import.meta.url)).replace(/[/\\]$/, "")
}

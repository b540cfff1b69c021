import { join, sep } from "node:path"
import { fileURLToPath } from "node:url"

/** The folder that the package lies in: from dist/cli, and from src/cli, two up. */
export function packageRoot(): string {
  return fileURLToPath(new URL("../..", import.meta.url)).replace(/[/\\]$/, "")
}

/** Whether npm installed the package; a clone that is linked lies where it was cloned. */
export const isInstalled = (root = packageRoot()): boolean => root.split(sep).includes("node_modules")

/** Where the user's models are, and what a stack keeps: an install may replace the package's own folder. */
export const projectFolder = (root = packageRoot()): string => (isInstalled(root) ? process.cwd() : root)

/** Where users put models that are served beside the package's own; in a clone, they are one. */
export const modelsFolder = (): string => join(projectFolder(), "models")

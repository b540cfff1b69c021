import { readFileSync } from "node:fs"
import { mkdir, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { Command } from "commander"
import { packageRoot } from "../package-root.ts"
import { paintFor, print } from "../terminal/terminal.ts"
import { type ProjectFile, projectFiles } from "./project-files.ts"

const HELP = `
Writes wrangler.toml, .env with new secrets, compose.yaml for the classifier, README.md, models/ and .gitignore into the folder.
A file that is there stays as it is. To run everything on this machine you need none of them: claimcheck start.

Examples:
  $ npm install claimcheck && npx claimcheck init`

export function addInitCommand(program: Command): void {
  program
    .command("init")
    .summary("write a project that runs the API on Workers")
    .description(
      "Write the files of a project that runs the API on Cloudflare Workers and the classifier on your machine.",
    )
    .argument("[folder]", "where to write them", ".")
    .addHelpText("after", HELP)
    .action(async (folder: string) => {
      const paint = paintFor(process.stdout)
      for (const file of projectFiles(readFileSync(join(packageRoot(), "wrangler.toml"), "utf8"))) {
        const isNew = await writeNew(folder, file)
        print(
          isNew ? `${paint("green", "wrote")}  ${file.path}` : `${paint("dim", "kept ")}  ${file.path} (it is there)`,
        )
      }
      print("README.md says what to do next.")
    })
}

/** Whether it was written: an existing file is never replaced. */
async function writeNew(folder: string, { path, text, isSecret }: ProjectFile): Promise<boolean> {
  const target = join(folder, path)
  await mkdir(dirname(target), { recursive: true })
  try {
    await writeFile(target, text, { flag: "wx", mode: isSecret ? 0o600 : 0o644 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false
    throw error
  }
}

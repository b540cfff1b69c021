import { execFile } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Command } from "commander"
import { afterAll, expect, test } from "vitest"
import { refuseOtherWords } from "../../../src/cli/parse-option.ts"

const folder = await mkdtemp(join(tmpdir(), "claimcheck-main-"))
afterAll(() => rm(folder, { recursive: true }))

test("a file whose name begins with a dash is taken for options, which says how it is given", async () => {
  await writeFile(join(folder, "-dash.jpg"), "x")
  const [tsx, main] = [import.meta.resolve("tsx"), join(import.meta.dirname, "../../../src/cli/main.ts")]
  const said = await new Promise((resolve) => {
    const args = ["--import", tsx, main, "classify", "-dash.jpg"]
    execFile(process.execPath, args, { cwd: folder }, (error, _stdout, stderr) =>
      resolve({ code: error?.code, stderr }),
    )
  })
  expect(said).toEqual({ code: 2, stderr: expect.stringContaining("-dash.jpg is given as ./-dash.jpg") })
})

test("refuseOtherWords() takes any word but a subcommand's name for a misspelt one, and names those there are", async () => {
  const done: string[] = []
  const program = new Command().exitOverride().configureOutput({ writeErr: (text) => void done.push(text) })
  const models = refuseOtherWords(program.command("models").enablePositionalOptions())
  models.action(() => void done.push("listed"))
  models.command("check").action(() => void done.push("checked"))
  models.command("pull").action(() => void done.push("pulled"))
  await program.parseAsync(["models"], { from: "user" })
  await program.parseAsync(["models", "check"], { from: "user" })
  await expect(program.parseAsync(["models", "chek"], { from: "user" })).rejects.toMatchObject({ exitCode: 1 })
  expect(done).toEqual(["listed", "checked", "error: unknown command 'chek': models has check, pull\n"])
})

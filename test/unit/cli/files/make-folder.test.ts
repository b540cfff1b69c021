import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, onTestFinished, test } from "vitest"
import { makeFolder } from "../../../../src/cli/files/make-folder.ts"

test("makeFolder() makes what is missing, and says what is in the way and who named it", async () => {
  const root = mkdtempSync(join(tmpdir(), "claimcheck-folder-"))
  onTestFinished(() => rmSync(root, { recursive: true }))
  const folder = join(root, "a/b")
  for (let times = 0; times < 2; times++) await makeFolder(folder, { named: "--out" })
  expect(statSync(folder).isDirectory()).toBe(true)

  const file = join(root, "file")
  writeFileSync(file, "")
  await expect(makeFolder(file, { named: "--out" })).rejects.toMatchObject({
    exitCode: 2,
    message: `Cannot make the folder ${file} (--out): a file is there`,
  })
  await expect(makeFolder(join(file, "below"), { named: "CLAIMCHECK_HOME" })).rejects.toThrow(
    "(CLAIMCHECK_HOME): a part of the path is a file",
  )
})

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { folderOutputs } from "../../../../src/classifier/outputs/folder-outputs.ts"
import { fileNameOf } from "../../../../src/classifier/outputs/output-name.ts"

const NEVER = new AbortController().signal
let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "claimcheck-outputs-"))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const output = (name: string, text = "a picture") => ({
  jobId: "job",
  caller: "ip:1",
  bytes: new TextEncoder().encode(text),
  contentType: "image/jpeg",
  sha256: "",
  name,
})

describe("folderOutputs()", () => {
  test("writes a whole file under its name, and tells where it lies", async () => {
    const { url = "" } = await folderOutputs(join(root, "new/folder")).put(output("batch/row 1"), NEVER)
    expect(url).toBe(`file://${root}/new/folder/batch/row_1.jpg`)
    expect(readFileSync(new URL(url), "utf8")).toBe("a picture")
    expect(readdirSync(join(root, "new/folder/batch"))).toEqual(["row_1.jpg"])
  })

  test("writes over what an earlier attempt has left", async () => {
    const store = folderOutputs(root)
    await Promise.all([store.put(output("job", "the same"), NEVER), store.put(output("job", "the same"), NEVER)])
    expect(readdirSync(root)).toEqual(["job.jpg"])
    expect(readFileSync(join(root, "job.jpg"), "utf8")).toBe("the same")
  })

  test("tells the public address where there is one", async () => {
    for (const address of ["https://cdn.example.com/t", "https://cdn.example.com/t/"]) {
      expect(await folderOutputs(root, address).put(output("job"), NEVER)).toEqual({
        url: "https://cdn.example.com/t/job.jpg",
      })
    }
  })

  test.each([
    "../../escaped",
    "/etc/passwd",
    "..",
    "a/../../b",
    "C:\\x",
    "a\0b",
    "",
    "//",
    "x".repeat(5_000),
    "ünï/❤",
    ".ssh/key",
  ])("the name %j stays a file of the folder", async (name) => {
    mkdirSync(join(root, "inner"))
    const { url = "" } = await folderOutputs(join(root, "inner")).put(output(name), NEVER)
    expect(new URL(url).pathname.startsWith(`${root}/inner/`)).toBe(true)
    expect(readFileSync(new URL(url), "utf8")).toBe("a picture")
    expect(readdirSync(root)).toEqual(["inner"])
    expect(fileNameOf(output(name))).toMatch(
      /^([A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\/)*[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\.jpg$/,
    )
  })

  test("what cannot be written fails with a code of its own and leaves no part behind", async () => {
    writeFileSync(join(root, "batch"), "a file where a folder should be")
    const failure = { code: "output_not_stored", message: expect.stringMatching(/: (ENOTDIR|EEXIST)$/) }
    await expect(folderOutputs(root).put(output("batch/row"), NEVER)).rejects.toMatchObject(failure)
    mkdirSync(join(root, "job.jpg"))
    await expect(folderOutputs(root).put(output("job"), NEVER)).rejects.toMatchObject({ code: "output_not_stored" })
    expect(readdirSync(root).sort()).toEqual(["batch", "job.jpg"])
  })
})

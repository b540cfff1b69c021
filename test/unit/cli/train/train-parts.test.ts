import { appendFileSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { readClassFolders } from "../../../../src/cli/train/class-folders.ts"
import { openFeatureCache } from "../../../../src/cli/train/feature-cache.ts"
import { holdOut, trainingSet } from "../../../../src/cli/train/training-set.ts"
import { rowsOf } from "../../../../src/lib/training/features.ts"

let folder = ""
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "claimcheck-train-"))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const sha = (index: number) => index.toString(16).padStart(64, "0")
const write = (path: string) => {
  mkdirSync(join(folder, path, ".."), { recursive: true })
  writeFileSync(join(folder, path), "x")
}

describe("readClassFolders()", () => {
  test("takes each folder with images for a class, in any script, with what lies below", async () => {
    for (const path of ["猫/1.jpg", "猫/more/2.PNG", "собака/3.webp", "cafe\u0301/4.jpeg"]) write(path)
    const classes = await readClassFolders(folder, () => undefined)
    expect(classes.map(({ label, files }) => [label, files.map((file) => file.slice(folder.length + 1))])).toEqual([
      ["caf\u00e9", ["cafe\u0301/4.jpeg"]],
      ["собака", ["собака/3.webp"]],
      ["猫", ["猫/1.jpg", "猫/more/2.PNG"]],
    ])
  })

  test("says what it leaves out, but for hidden files", async () => {
    for (const path of ["a/1.jpg", "a/.DS_Store", "a/notes.txt", "b/2.jpg", ".git/3.jpg", "loose.jpg"]) write(path)
    mkdirSync(join(folder, "empty"))
    const said: string[] = []
    expect((await readClassFolders(folder, (line) => said.push(line))).map(({ label }) => label)).toEqual(["a", "b"])
    expect(said).toEqual([
      "a: left out 1 file that are no images: notes.txt",
      "empty: left out, the folder has no images",
      "Left out 1 file outside the class folders: loose.jpg",
    ])
  })

  test.each([
    ["no such folder", "gone", "there is no such folder"],
    ["one class", "one", "has only one folder with images, cat"],
    ["images without folders", "flat", "has no folders of images"],
  ])("refuses %s and says what is needed", async (_, name, words) => {
    write("one/cat/1.jpg")
    write("flat/1.jpg")
    await expect(readClassFolders(join(folder, name), () => undefined)).rejects.toThrow(words)
  })
})

describe("openFeatureCache()", () => {
  const model = { id: "m", version: "v1" }
  const open = () => openFeatureCache(model, folder)
  const rowOf = (cache: Awaited<ReturnType<typeof open>>, key: string) => {
    const row = new Float32Array(cache.length())
    cache.read(key, row)
    return [...row]
  }

  test("keeps what was added, whatever a run that was killed has left behind it", async () => {
    const first = await open()
    first.add(sha(1), Float32Array.from([1, 2.5, -3]))
    first.add(sha(2), Float32Array.from([4, 5, 6]))
    first.close()
    truncateSync(first.path, statSync(first.path).size - 7)
    const second = await open()
    expect([second.has(sha(1)), second.has(sha(2))]).toEqual([true, false])
    second.add(sha(2), Float32Array.from([4, 5, 6]))
    second.close()
    appendFileSync(first.path, "half a record")
    const third = await open()
    third.add(sha(3), Float32Array.from([7, 8, 9]))
    expect([sha(1), sha(2), sha(3)].map((key) => rowOf(third, key))).toEqual([
      [1, 2.5, -3],
      [4, 5, 6],
      [7, 8, 9],
    ])
    third.close()
  })

  test("gives pictures from the disk as it gives them from memory", async () => {
    const cache = await open()
    const pictures = Array.from({ length: 600 }, (_, index) => ({ file: "", label: index % 2, sha256: sha(index) }))
    for (const [index, { sha256 }] of pictures.toReversed().entries())
      cache.add(sha256, Float32Array.from([index, -index]))
    const [inMemory, onDisk] = [trainingSet(pictures, 2, cache), trainingSet(pictures, 2, cache, 0)]
    const rows = (set: typeof inMemory) => Array.from(rowsOf(set.features), (row) => [...row])
    expect(rows(inMemory)[0]).toEqual([599, -599])
    expect(rows(onDisk)).toEqual(rows(inMemory))
    cache.close()
  })
})

describe("holdOut()", () => {
  const pictures = Array.from({ length: 103 }, (_, index) => ({
    file: "",
    label: index < 100 ? 0 : 1,
    sha256: sha(index),
  }))

  test("holds back a share of each class, and leaves two", () => {
    const { learned, held } = holdOut(pictures, { share: 0.2, seed: 0 })
    const counts = (of: typeof pictures) => [0, 1].map((label) => of.filter((own) => own.label === label).length)
    expect(counts(held)).toEqual([20, 1])
    expect(counts(learned)).toEqual([80, 2])
  })

  test("holds back the same after one picture more, but for one at most", () => {
    const before = new Set(holdOut(pictures.slice(1), { share: 0.2, seed: 0 }).held)
    const after = holdOut(pictures, { share: 0.2, seed: 0 }).held
    expect(after.filter((picture) => !before.has(picture)).length).toBeLessThanOrEqual(1)
  })
})

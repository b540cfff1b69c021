import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import { beforeEach, describe, expect, test } from "vitest"
import { makeCopiesFolder } from "../../../../src/classifier/models/copies-folder.ts"
import { findModels } from "../../../../src/classifier/models/find-models.ts"
import { ModelWatcher } from "../../../../src/classifier/models/model-watcher.ts"
import { createLog, silentLog } from "../../../../src/lib/log.ts"
import { newRoot } from "../../../support/models/tiny-model.ts"

/** Stands for a model: a folder's version is what is in its file; "bad" cannot be loaded. */
let root: string
let inspected: string[]
let events: { event: string; model?: string; serving?: string }[]
let duringInspection: () => void

beforeEach(() => {
  root = newRoot()
  inspected = []
  events = []
  duringInspection = () => undefined
})

const write = (id: string, version: string) => {
  mkdirSync(join(root, id), { recursive: true })
  writeFileSync(join(root, id, "model.json"), version)
}

/** Only when a test has made a folder for copies. */
function copyOf(folder: string, version: string): string | null {
  if (!existsSync(join(root, ".copies"))) return null
  const copy = join(root, ".copies", `${basename(folder)}@${version}`)
  mkdirSync(copy, { recursive: true })
  return copy
}

function open(roots = [root]): Promise<ModelWatcher> {
  const log = createLog({ server: "t", script: "t", write: (line) => events.push(JSON.parse(line)) })
  return ModelWatcher.open({
    find: () => findModels(roots, silentLog),
    inspect: async (folders) => {
      const all = folders.map(({ id, folder }) => ({
        id,
        folder,
        version: readFileSync(join(folder, "model.json"), "utf8"),
      }))
      inspected.push(...all.map(({ id }) => id))
      duringInspection()
      return {
        served: all
          .filter(({ version }) => version !== "bad")
          .map(({ id, folder, version }) => {
            const info = {
              id,
              version,
              name: id,
              inputWidth: 1,
              inputHeight: 1,
              labels: 1,
              languages: [],
              servedBy: { engine: "wasm", plan: true } as const,
              memoryBytes: 1,
            }
            return { info, folder, copy: copyOf(folder, version) }
          }),
        broken: all
          .filter(({ version }) => version === "bad")
          .map(({ id, folder }) => ({ id, folder, code: "shard_size" as const, message: "short" })),
      }
    },
    log,
  })
}

const servedBy = (models: ModelWatcher) => models.served.map(({ info }) => `${info.id}@${info.version}`)

describe("ModelWatcher", () => {
  test("loads a folder again only when something in it changed, and not before two looks agree", async () => {
    write("a", "1")
    const models = await open()
    expect(await models.look()).toBe(false)
    expect(inspected).toEqual(["a"])
    write("a", "22")
    expect(await models.look()).toBe(false)
    write("a", "333")
    expect(await models.look()).toBe(false)
    expect(servedBy(models)).toEqual(["a@1"])
    expect(await models.look()).toBe(true)
    expect(servedBy(models)).toEqual(["a@333"])
    expect(await models.look()).toBe(false)
    expect(inspected).toEqual(["a", "a"])
  })

  test("serves the old version while the new one is broken, says so once, and takes the mended one", async () => {
    write("a", "1")
    write("b", "1")
    const models = await open()
    write("a", "bad")
    const looks: boolean[] = []
    for (let look = 0; look < 4; look++) looks.push(await models.look())
    expect(looks).toEqual([false, true, false, false])
    expect(servedBy(models)).toEqual(["a@1", "b@1"])
    expect(models.broken).toMatchObject([{ id: "a", code: "shard_size" }])
    expect(events.filter(({ event }) => event === "model.broken")).toMatchObject([{ model: "a", serving: "1" }])
    write("a", "2")
    await models.look()
    expect(await models.look()).toBe(true)
    expect(servedBy(models)).toEqual(["a@2", "b@1"])
    expect(models.broken).toEqual([])
  })

  test("does not take what was written while it was read", async () => {
    write("a", "1")
    const models = await open()
    write("a", "2")
    await models.look()
    duringInspection = () => write("a", "4444")
    expect(await models.look()).toBe(false)
    expect(servedBy(models)).toEqual(["a@1"])
    duringInspection = () => undefined
    await models.look()
    await models.look()
    expect(servedBy(models)).toEqual(["a@4444"])
  })

  test("takes in a new folder, and lets one go that two looks in a row miss", async () => {
    write("a", "1")
    write("b", "1")
    const models = await open()
    write("c", "1")
    rmSync(join(root, "b"), { recursive: true })
    await models.look()
    expect(servedBy(models)).toEqual(["a@1", "b@1"])
    expect(await models.look()).toBe(true)
    expect(servedBy(models)).toEqual(["a@1", "c@1"])
    expect(events.map(({ event }) => event)).toContain("model.removed")
  })

  test("keeps on serving what is renamed away and replaced between two looks", async () => {
    write("a", "1")
    const models = await open()
    write(".new", "2")
    renameSync(join(root, "a"), join(root, ".old"))
    await models.look()
    expect(servedBy(models)).toEqual(["a@1"])
    renameSync(join(root, ".new"), join(root, "a"))
    await models.look()
    await models.look()
    expect(servedBy(models)).toEqual(["a@2"])
  })

  test("removes the copy of what it serves no longer, and nothing of its owner's", async () => {
    const other = newRoot()
    mkdirSync(join(root, ".copies"))
    mkdirSync(join(other, "a"))
    writeFileSync(join(other, "a", "model.json"), "1")
    const models = await open([root, other])
    expect(servedBy(models)).toEqual(["a@1"])
    // A folder of the same name in the first root takes its place.
    write("a", "2")
    for (let look = 0; look < 70; look++) await models.look()
    expect(servedBy(models)).toEqual(["a@2"])
    expect(readFileSync(join(other, "a", "model.json"), "utf8")).toBe("1")
    expect(readdirSync(join(root, ".copies"))).toEqual(["a@2"])
  })

  test("watch() goes on when a look fails", async () => {
    write("a", "1")
    const models = await open()
    const stop = new AbortController()
    let failures = 0
    duringInspection = () => {
      if (failures++ === 0) throw new Error("the disk is gone for a moment")
    }
    write("a", "2")
    await new Promise<void>((resolve) => void models.watch(5, async () => resolve(), stop.signal))
    stop.abort()
    expect(servedBy(models)).toEqual(["a@2"])
    expect(events.map(({ event }) => event)).toContain("model.look_failed")
  })
})

test("makeCopiesFolder() removes what a killed process left, and nothing of one that lives", () => {
  const { path, remove } = makeCopiesFolder(root)
  const dead = join(root, basename(path).replace(`-${process.pid}-`, "-999999999-"))
  const other = join(root, "somebody-else")
  for (const folder of [dead, other]) mkdirSync(folder)
  const second = makeCopiesFolder(root)
  expect([path, dead, other, second.path].map((folder) => existsSync(folder))).toEqual([true, false, true, true])
  remove()
  second.remove()
  expect([path, second.path].map((folder) => existsSync(folder))).toEqual([false, false])
})

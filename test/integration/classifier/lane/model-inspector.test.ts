import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { afterAll, expect, test } from "vitest"
import { LanePool } from "../../../../src/classifier/lane/lane-pool.ts"
import { inspectModels } from "../../../../src/classifier/lane/model-inspector.ts"
import { findModels } from "../../../../src/classifier/models/find-models.ts"
import { silentLog } from "../../../../src/lib/log.ts"
import { flatPng } from "../../../support/images/images.ts"
import { newRoot, writeTinyModel } from "../../../support/models/tiny-model.ts"
import { kerasFiles, writeFiles } from "../../../support/models/tool-exports.ts"

const ENTRY = new URL("../../../../dist/classifier/lane/lane-thread.js", import.meta.url)
const CLASSIFY = { name: "classify", topK: 1 } as const
const copyTo = newRoot()
afterAll(() => rmSync(copyTo, { recursive: true, force: true }))

/** The real thread, but models of two names end it or hold it up, as a fault in WASM could. */
function frailEntry(): URL {
  const file = join(newRoot(), "frail.mjs")
  writeFileSync(
    file,
    `import { parentPort } from "node:worker_threads"
    parentPort.on("message", ({ model }) => {
      if (model?.id === "kills") process.exit(7)
      while (model?.id === "hangs") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
    })
    await import(${JSON.stringify(ENTRY.href)})`,
  )
  return pathToFileURL(file)
}

test("a model that kills the thread which loads it, or never ends, is out by itself", async () => {
  const root = writeTinyModel("kills")
  for (const id of ["good", "hangs", "last"]) writeTinyModel(id, {}, root)
  const options = { entry: frailEntry(), copyTo: null, timeoutMs: 4_000 }
  const { served, broken } = await inspectModels(findModels([root], silentLog), options)
  expect(served.map(({ info }) => info.id)).toEqual(["good", "last"])
  expect(broken.map(({ id, code }) => [id, code])).toEqual([
    ["hangs", "load_timeout"],
    ["kills", "load_crashed"],
  ])
})

test("a lane loads the version that was checked, from its copy, whatever became of the folder", async () => {
  const root = writeTinyModel("tiny")
  const folders = findModels([root], silentLog)
  const { served } = await inspectModels(folders, { entry: ENTRY, copyTo })
  const [model] = served
  writeFileSync(join(root, "tiny", "labels.txt"), "other\nlabels\nnow\n")
  rmSync(join(root, "tiny", "weights.bin"))
  const pool = await LanePool.start({
    lanes: 1,
    models: served,
    limits: { maxPixels: 1e6, maxSidePx: 65_535, maxBytes: 1e6 },
    jobTimeoutMs: 20_000,
    log: silentLog,
    entry: ENTRY,
  })
  try {
    const job = () => ({ operation: CLASSIFY, modelId: "tiny", bytes: new Uint8Array(flatPng([220, 20, 20])) })
    const { modelVersion, predictions } = await pool.run(job())
    expect([modelVersion, predictions?.[0]?.label]).toEqual([model?.info.version, "red"])

    // Both gone, and loaded nowhere: the job is not lost, it may be sent again.
    const gone = { ...model, info: { ...model?.info, version: "feedfeedfeed" } }
    pool.setModels([gone as NonNullable<typeof model>])
    await expect(pool.run(job())).rejects.toMatchObject({
      name: "ModelUnloadable",
      message: expect.stringContaining("feedfeedfeed"),
    })
    if (model) pool.setModels([model])
    expect((await pool.run(job())).predictions?.[0]?.label).toBe("red")
  } finally {
    await pool.close()
  }
})

test("models are loaded when a job asks for them, and let go when they do not fit together", async () => {
  const root = writeTinyModel("a")
  for (const id of ["b", "c"]) writeTinyModel(id, { labels: [`${id}-red`, "green", "blue"] }, root)
  const { served } = await inspectModels(findModels([root], silentLog), { entry: ENTRY, copyTo: null })
  const [{ info } = { info: { memoryBytes: 0 } }] = served
  const pool = await LanePool.start({
    lanes: 1,
    models: served,
    warmModel: "b",
    modelMemoryBytes: info.memoryBytes * 2,
    limits: { maxPixels: 1e6, maxSidePx: 65_535, maxBytes: 1e6 },
    jobTimeoutMs: 20_000,
    log: silentLog,
    entry: ENTRY,
  })
  try {
    const held = () => pool.held[0]?.models.map(({ id }) => id)
    const run = async (modelId: string) =>
      (await pool.run({ operation: CLASSIFY, modelId, bytes: new Uint8Array(flatPng([220, 20, 20])) })).predictions?.[0]
        ?.label
    expect(held()).toEqual(["b"])
    expect(await run("c")).toBe("c-red")
    expect(held()).toEqual(["b", "c"])
    expect(await run("a")).toBe("red")
    expect(held()).toEqual(["c", "a"])
    expect(await run("b")).toBe("b-red")
    expect(pool.held).toMatchObject([{ loads: 4, unloads: 2 }])
    const flat = await pool.stats()
    for (const id of ["a", "b", "c", "a", "b", "c"]) await run(id)
    expect((await pool.stats())[0]?.tensors).toBe(flat[0]?.tensors)
  } finally {
    await pool.close()
  }
})

test("what is kept as a copy is what was read, shards in folders too", async () => {
  const root = writeTinyModel("deep")
  const folder = join(root, "deep")
  const json = JSON.parse(readFileSync(join(folder, "model.json"), "utf8"))
  json.weightsManifest[0].paths = ["shards/w.bin"]
  mkdirSync(join(folder, "shards"))
  renameSync(join(folder, "weights.bin"), join(folder, "shards/w.bin"))
  writeFileSync(join(folder, "model.json"), JSON.stringify(json))
  const { served } = await inspectModels(findModels([root], silentLog), { entry: ENTRY, copyTo })
  const copy = served[0]?.copy ?? ""
  expect(copy).toContain(`deep@${served[0]?.info.version}`)
  expect(readFileSync(join(copy, "shards/w.bin"))).toEqual(readFileSync(join(folder, "shards/w.bin")))
})

test("the copy of a folder in a folder, with names of another case, is the same version", async () => {
  const root = newRoot()
  const { "model.json": json = "", ...shards } = kerasFiles()
  writeFiles(join(root, "k", "inner"), { ...shards, "Model.JSON": json, "Labels.txt": "r\ng\nb\n" })
  const { served } = await inspectModels(findModels([root], silentLog), { entry: ENTRY, copyTo })
  const again = await inspectModels([{ id: "k", folder: served[0]?.copy ?? "" }], { entry: ENTRY, copyTo: null })
  expect(again.served[0]?.info.version).toBe(served[0]?.info.version)
})

test("an archive and a name that no request can give are broken, and say what to do", async () => {
  const root = writeTinyModel("no spaces")
  writeFileSync(join(root, "packed.zip"), "PK")
  const { served, broken } = await inspectModels(findModels([root], silentLog), { entry: ENTRY, copyTo })
  expect(served).toEqual([])
  expect(broken).toMatchObject([
    { id: "no spaces", code: "bad_name", message: expect.stringContaining("at most 64 letters") },
    { id: "packed", code: "no_model", message: expect.stringContaining("archive: unpack it") },
  ])
})

test("a model is served from its folder where there is no room for a copy", async () => {
  const root = writeTinyModel("tiny")
  const noFolder = join(root, "tiny", "labels.txt")
  const { served, broken } = await inspectModels(findModels([root], silentLog), { entry: ENTRY, copyTo: noFolder })
  expect(broken).toEqual([])
  expect(served).toMatchObject([{ folder: join(root, "tiny"), copy: null }])
})

import { expect, test } from "vitest"
import type { ServingModel } from "../../../../src/classifier/engine/serving-model.ts"
import type { HeldModel } from "../../../../src/classifier/lane/lane-messages.ts"
import { LaneModels } from "../../../../src/classifier/lane/lane-models.ts"
import { ModelError } from "../../../../src/classifier/models/model-error.ts"
import type { ServedFolder } from "../../../../src/classifier/models/served-folder.ts"

const info = (id: string, version: string, memoryBytes: number) => {
  const servedBy = { engine: "wasm", plan: true } as const
  return { id, version, name: id, inputWidth: 1, inputHeight: 1, labels: 1, languages: [], servedBy, memoryBytes }
}
type Folder = { version?: string; bytes?: number; copy?: string; folder?: string }
const folder = (id: string, { version = "1", bytes = 10, copy, folder }: Folder = {}): ServedFolder => {
  return { info: info(id, version, bytes), copy: copy ?? null, folder: folder ?? `${id}@${version}` }
}

/** Folders are named id@version; those named "gone" cannot be loaded. */
function laneModelsOf(budgetBytes: number) {
  const seen = { held: [] as HeldModel[], loads: 0, unloads: 0, disposed: [] as string[] }
  const load = async (id: string, { folder: place }: { folder: string }): Promise<ServingModel> => {
    if (place === "gone") throw new ModelError("missing_file", "Cannot find it")
    const version = place.split("@")[1] ?? ""
    const dispose = () => void seen.disposed.push(place)
    return { info: info(id, version, 10), dispose } as unknown as ServingModel
  }
  const onChange = (held: HeldModel[], counts: { loads: number; unloads: number }) => {
    Object.assign(seen, { held, ...counts })
  }
  return { models: new LaneModels(budgetBytes, onChange, load), seen }
}

const ids = (held: readonly HeldModel[]) => held.map(({ id, version }) => `${id}@${version}`)

test("LaneModels loads once, and lets the least recently used go for want of memory", async () => {
  const { models, seen } = laneModelsOf(25)
  const a = await models.take(folder("a"))
  await models.take(folder("b"))
  expect(await models.take(folder("a"))).toBe(a)
  await models.take(folder("c"))
  expect(seen).toMatchObject({ loads: 3, unloads: 1, disposed: ["b@1"] })
  expect(ids(seen.held)).toEqual(["a@1", "c@1"])
})

test("LaneModels holds one that is larger than the budget, alone", async () => {
  const { models, seen } = laneModelsOf(25)
  await models.take(folder("a"))
  await models.take(folder("huge", { bytes: 1000 }))
  expect(ids(seen.held)).toEqual(["huge@1"])
})

test("LaneModels lets the old version go first when a new one comes", async () => {
  const { models, seen } = laneModelsOf(25)
  await models.take(folder("a"))
  await models.take(folder("b"))
  await models.take(folder("b", { version: "2" }))
  expect(ids(seen.held)).toEqual(["a@1", "b@2"])
})

test("LaneModels takes the folder where the copy is gone or holds another version, and throws when both do", async () => {
  const { models, seen } = laneModelsOf(25)
  await models.take(folder("a", { copy: "a@0" }))
  expect(ids(seen.held)).toEqual(["a@1"])
  expect(seen.disposed).toEqual(["a@0"])
  await expect(models.take(folder("b", { copy: "gone", folder: "b@2" }))).rejects.toMatchObject({
    name: "ModelError",
    message: "Version 1 of b cannot be loaded any more",
  })
})

import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startWasm } from "../../../../src/classifier/engine/tfjs/start-wasm.ts"
import { LanePool } from "../../../../src/classifier/lane/lane-pool.ts"
import { findModels } from "../../../../src/classifier/models/find-models.ts"
import { ENGINE_NAMES, type EngineName } from "../../../../src/classifier/models/model-info.ts"
import { silentLog } from "../../../../src/lib/log.ts"
import { flatPng } from "../../../support/images/images.ts"
import { upsampledModel } from "../../../support/models/plan-of.ts"
import { newRoot, writeTinyModel } from "../../../support/models/tiny-model.ts"
import { layersFiles, teachableMachineFiles, writeFiles } from "../../../support/models/tool-exports.ts"

const ROOT = new URL("../../../../", import.meta.url).pathname
const ENTRY = new URL("../../../../dist/classifier/lane/lane-thread.js", import.meta.url)

describe("a Teachable Machine folder and a graph model", () => {
  const pools = {} as Record<EngineName, LanePool>

  beforeAll(async () => {
    await startWasm()
    const root = newRoot()
    writeTinyModel("graph", { kind: "graph", output: "logits" }, root)
    writeFiles(join(root, "tm"), await teachableMachineFiles(["red", "green", "blue"]))
    for (const engine of ENGINE_NAMES) {
      pools[engine] = await LanePool.start({
        lanes: 1,
        engine,
        modelFolders: findModels([root], silentLog),
        limits: { maxPixels: 1e6, maxSidePx: 65_535, maxBytes: 1e6 },
        jobTimeoutMs: 20_000,
        log: silentLog,
        entry: ENTRY,
      })
    }
  })
  afterAll(() => Promise.all(Object.values(pools).map((pool) => pool.close())))

  const classify = (engine: EngineName, modelId: string, colour: [number, number, number]) => {
    const operation = { name: "classify", topK: 3 } as const
    return pools[engine].run({ modelId, bytes: new Uint8Array(flatPng(colour)), operation })
  }

  test.each(["graph", "tm"])("%s gets the same answers from both engines", async (modelId) => {
    for (const colour of [
      [220, 20, 20],
      [20, 30, 200],
      [90, 120, 80],
    ] as [number, number, number][]) {
      const [one, other] = [await classify("wasm", modelId, colour), await classify("native", modelId, colour)]
      for (const [at, { label, probability }] of (one.predictions ?? []).entries()) {
        expect(other.predictions?.[at]?.label).toBe(label)
        expect(other.predictions?.[at]?.probability).toBeCloseTo(probability, 4)
      }
    }
  })

  test("what is served says which engine computes it, as a plan", () => {
    for (const engine of ENGINE_NAMES) {
      expect(pools[engine].models.map(({ servedBy }) => servedBy)).toEqual([
        { engine, plan: true },
        { engine, plan: true },
      ])
    }
  })

  test("a native lane has no tensor of TF.js", async () => {
    await classify("native", "tm", [1, 2, 3])
    expect(await pools.native.stats()).toMatchObject([{ tensors: 0, tensorBytes: 0 }])
    expect((await pools.wasm.stats())[0]?.tensors).toBeGreaterThan(0)
  })
})

test("a model that has no plan is served by TF.js beside the native engine, and says which kernel is at fault", async () => {
  const root = newRoot()
  await startWasm()
  writeFiles(join(root, "odd"), await layersFiles(upsampledModel()))
  const pool = await LanePool.start({
    lanes: 1,
    engine: "native",
    modelFolders: findModels([root], silentLog),
    limits: { maxPixels: 1e6, maxSidePx: 65_535, maxBytes: 1e6 },
    jobTimeoutMs: 20_000,
    log: silentLog,
    entry: ENTRY,
  })
  try {
    const reason = "No step for the kernel ResizeNearestNeighbor"
    expect(pool.models.map(({ servedBy }) => servedBy)).toEqual([{ engine: "wasm", plan: false, reason }])
    const operation = { name: "classify", topK: 3 } as const
    const { predictions } = await pool.run({ modelId: "odd", bytes: new Uint8Array(flatPng([9, 9, 9])), operation })
    expect(predictions).toHaveLength(3)
  } finally {
    await pool.close()
  }
})

test("ENGINE=native without onnxruntime-node ends at start, and says what to install", () => {
  const folder = newRoot()
  cpSync(join(ROOT, "dist"), join(folder, "dist"), { recursive: true })
  writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
  mkdirSync(join(folder, "models"))
  mkdirSync(join(folder, "node_modules"))
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    if (name !== "onnxruntime-node") symlinkSync(join(ROOT, "node_modules", name), join(folder, "node_modules", name))
  }
  const redis = { UPSTASH_REDIS_REST_URL: "http://127.0.0.1:9", UPSTASH_REDIS_REST_TOKEN: "t" }
  const env = { ...redis, ENGINE: "native", WEBHOOK_SECRETS: "" }
  const { status, stderr } = spawnSync(process.execPath, [join(folder, "dist/classifier/main.js")], { env })
  expect([status, String(stderr)]).toEqual([2, expect.stringContaining("run `npm install onnxruntime-node`")])
})

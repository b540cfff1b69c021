import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"

export type TinyModelOptions = {
  kind?: "layers" | "graph"
  /** Input shape without the batch; null is open. */
  shape?: (number | null)[]
  labels?: string[]
  weights?: Float32Array
  manifest?: unknown
  /** What the last layer gives. */
  output?: "probabilities" | "logits"
  withoutShard?: boolean
}

/** Dense 3 × 3, then its bias: each channel's mean, times ten, is the score of its own colour. */
export const COLOR_WEIGHTS = Float32Array.from([10, 0, 0, 0, 10, 0, 0, 0, 10, 0, 0, 0])

/** Writes a model that tells red, green and blue pictures apart into a folder `name` under a fresh root, and returns the root. */
export function writeTinyModel(name: string, options: TinyModelOptions = {}, root = newRoot()): string {
  const { kind = "layers", labels = ["red", "green", "blue"], weights = COLOR_WEIGHTS } = options
  const shard = Buffer.concat([bytesOf(weights), ...(kind === "graph" ? [bytesOf(Int32Array.from([1, 2]))] : [])])
  const folder = join(root, name)
  writeFolder(folder, {
    "model.json": JSON.stringify(kind === "layers" ? layersModel(options) : graphModel(options)),
    "labels.txt": `${labels.join("\n")}\n`,
    ...(options.withoutShard ? {} : { "weights.bin": shard }),
    ...(options.manifest === undefined ? {} : { "claimcheck.json": JSON.stringify(options.manifest) }),
  })
  return root
}

const roots: string[] = []
afterAll(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true })
})

/** A fresh folder, gone when the file's tests have ended. */
export function newRoot(): string {
  const root = mkdtempSync(join(tmpdir(), "claimcheck-models-"))
  roots.push(root)
  return root
}

function bytesOf(values: Float32Array | Int32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

function writeFolder(folder: string, files: Record<string, string | Uint8Array>): void {
  mkdirSync(folder, { recursive: true })
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
}

function layersModel({ shape = [8, 8, 3], output = "probabilities" }: TinyModelOptions) {
  const activation = output === "probabilities" ? "softmax" : "linear"
  const layers = [
    { class_name: "InputLayer", config: { name: "image", batch_input_shape: [null, ...shape], dtype: "float32" } },
    { class_name: "GlobalAveragePooling2D", config: { name: "mean", data_format: "channels_last" } },
    { class_name: "Dense", config: { name: "dense", units: 3, activation, use_bias: true } },
  ]
  return {
    format: "layers-model",
    modelTopology: { model_config: { class_name: "Sequential", config: { name: "tiny", layers } } },
    weightsManifest: weightsManifest("dense/kernel", "dense/bias"),
  }
}

function graphModel({ shape = [8, 8, 3], output = "probabilities" }: TinyModelOptions) {
  const float = { type: "DT_FLOAT" }
  const dim = [-1, ...shape].map((size) => ({ size: String(size ?? -1) }))
  const constant = (name: string, sizes: number[], dtype = "DT_FLOAT") => ({
    name,
    op: "Const",
    attr: {
      dtype: { type: dtype },
      value: { tensor: { dtype, tensorShape: { dim: sizes.map((size) => ({ size: String(size) })) } } },
    },
  })
  const node = [
    { name: "image", op: "Placeholder", attr: { dtype: float, shape: { shape: { dim } } } },
    constant("axes", [2], "DT_INT32"),
    { name: "mean", op: "Mean", input: ["image", "axes"], attr: { keep_dims: { b: false }, T: float } },
    constant("kernel", [3, 3]),
    constant("bias", [3]),
    {
      name: "dense",
      op: "MatMul",
      input: ["mean", "kernel"],
      attr: { transpose_a: { b: false }, transpose_b: { b: false }, T: float },
    },
    { name: "scores", op: "BiasAdd", input: ["dense", "bias"], attr: { T: float } },
    ...(output === "probabilities"
      ? [{ name: "probabilities", op: "Softmax", input: ["scores"], attr: { T: float } }]
      : []),
  ]
  const manifest = weightsManifest("kernel", "bias")
  const axes = { name: "axes", shape: [2], dtype: "int32" }
  return {
    format: "graph-model",
    modelTopology: { node, versions: { producer: 1 } },
    weightsManifest: manifest.map((group) => ({ ...group, weights: [...group.weights, axes] })),
  }
}

function weightsManifest(kernel: string, bias: string) {
  const weights = [
    { name: kernel, shape: [3, 3], dtype: "float32" },
    { name: bias, shape: [3], dtype: "float32" },
  ]
  return [{ paths: ["weights.bin"], weights }]
}

/** The converted model in TF.js on the WASM backend, from disk, without tfjs-node. */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, sep } from "node:path"
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm"
import { loadGraphModel } from "@tensorflow/tfjs-converter"
import * as tf from "@tensorflow/tfjs-core"

/** The graph model of `modelJson`, on one core. */
export async function loadModel(modelJson) {
  setWasmPaths(dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm")) + sep)
  await tf.setBackend("wasm")
  const { modelTopology, signature, weightsManifest } = JSON.parse(readFileSync(modelJson, "utf8"))
  const shards = weightsManifest[0].paths.map((path) => readFileSync(join(dirname(modelJson), path)))
  const weightData = new Uint8Array(Buffer.concat(shards)).buffer
  const weightSpecs = weightsManifest[0].weights
  return loadGraphModel(tf.io.fromMemory({ modelTopology, signature, weightSpecs, weightData }))
}

/** Class probabilities of a batch of inputs, each a Float32Array [height, width, 3], in their order. */
export function predict(model, inputs, { width, height }) {
  const data = new Float32Array(inputs.length * inputs[0].length)
  for (const [i, input] of inputs.entries()) data.set(input, i * input.length)
  const out = tf.tidy(() => model.predict(tf.tensor4d(data, [inputs.length, height, width, 3])))
  const probabilities = out.dataSync()
  out.dispose()
  const classes = probabilities.length / inputs.length
  return inputs.map((_, i) => probabilities.slice(i * classes, (i + 1) * classes))
}

import {
  type GraphModel,
  type io,
  type LayersModel,
  loadGraphModel,
  loadLayersModel,
  memory,
  reverse,
  type Tensor,
  tensor,
  tidy,
} from "@tensorflow/tfjs"
import { type Labels, labelsIn, numberedLabels } from "../../models/labels.ts"
import { ModelError } from "../../models/model-error.ts"
import type { ModelInfo } from "../../models/model-info.ts"
import { type ModelFiles, readModelFiles } from "../../models/read-model-files.ts"
import type { LoadedModel, OutputKind } from "../serving-model.ts"
import { classCountOf, type InputSize, inputSizeOf } from "../tensor-shapes.ts"
import { bothOf, isDistribution, softmax } from "../to-probabilities.ts"

type Network = LayersModel | GraphModel

/** Loads, checks and warms up the model in a folder. Throws a ModelError that says what is wrong with which file. */
export async function loadModel(id: string, folder: string): Promise<LoadedModel> {
  const files = await readModelFiles(folder)
  const bytesBefore = memory().numBytes
  const network = await loadNetwork(files)
  try {
    const model = warmUp(id, files, network)
    model.info.memoryBytes = memory().numBytes - bytesBefore + model.input.byteLength
    return model
  } catch (error) {
    network.dispose()
    throw error
  }
}

async function loadNetwork({ modelJson, weights }: ModelFiles): Promise<Network> {
  // TF.js reads from the network or a browser's storage only; a handler is all it needs for a disk.
  const artifacts: io.ModelArtifacts = { ...modelJson.artifacts, weightData: weights }
  const handler: io.IOHandler = { load: async () => artifacts }
  try {
    if (modelJson.kind === "graph") {
      const network = await loadGraphModel(handler)
      // It keeps the artifacts, to be saved again; the weights are in WASM by now.
      delete artifacts.weightData
      return network
    }
    return await loadLayersModel(handler)
  } catch (cause) {
    const message = `TF.js cannot build the network of ${modelJson.file}: ${firstLine(cause)}`
    throw new ModelError("load_failed", message, { cause })
  }
}

function warmUp(id: string, files: ModelFiles, network: Network): LoadedModel {
  const { manifest, modelJson } = files
  refuseNan(network)
  const size = inputSizeOf(shapesOf(network.inputs), manifest, { file: modelJson.file, sourceOf: files.sourceOf })
  const input = new Float32Array(size.tensorShape.reduce((product, side) => product * side, 1))
  const picture = { input, size }
  const trials = [fillFlat, fillNoise].map((fill) => {
    fill(input)
    return tryRun(network, picture)
  })
  const outputs = classCountOf(trials.map(({ shape }) => shape).slice(0, 1), modelJson.file)
  // One score tells two classes apart, the second of which it is the probability of: Keras' last layer of one unit.
  const isBinary = outputs === 1 && files.labels?.labels.length !== 1
  const classes = isBinary ? 2 : outputs
  const labels = files.labels ?? numberedLabels(classes)
  if (classes !== labels.labels.length) {
    const message = `${labels.from} has ${labels.labels.length} labels, the model's output has ${classes} classes`
    throw new ModelError("labels_count", message)
  }
  if (trials.some(({ scores }) => !scores.every(Number.isFinite))) {
    throw new ModelError("warm_up_failed", "The model answers a test image with values that are not finite")
  }
  const found = trials.every(({ scores }) => isDistribution(isBinary ? bothOf(scores) : scores))
    ? "probabilities"
    : "logits"
  const kind = manifest.output ?? found
  const scoresOf = () => run(network, picture).scores
  return {
    info: describeModel(id, files, { size, labels }),
    labels: (language) => labelsIn(labels, language),
    manifest,
    channels: size.channels,
    input,
    predict: () => toProbabilities(scoresOf(), { kind, isBinary }),
    named: labels,
    output: { kind, from: manifest.output ? files.sourceOf("output") : "warm-up" },
    files,
    dispose: () => network.dispose(),
  }
}

type Found = { size: InputSize; labels: Labels }

function describeModel(id: string, { manifest, version }: ModelFiles, { size, labels }: Found): ModelInfo {
  const { name = id, description, licence, source } = manifest
  return {
    id,
    version,
    name,
    inputWidth: size.width,
    inputHeight: size.height,
    labels: labels.labels.length,
    languages: [...labels.byLanguage.keys()].sort(),
    memoryBytes: 0,
    ...(description === undefined ? {} : { description }),
    ...(licence === undefined ? {} : { licence }),
    ...(source === undefined ? {} : { source }),
  }
}

type Picture = { input: Float32Array; size: InputSize }

function tryRun(network: Network, picture: Picture): { scores: Float32Array; shape: number[] } {
  try {
    return run(network, picture)
  } catch (cause) {
    if (cause instanceof ModelError) throw cause
    throw new ModelError("warm_up_failed", `The model fails on a test image: ${firstLine(cause)}`, { cause })
  }
}

function run(network: Network, { input, size: { tensorShape, channels } }: Picture) {
  return tidy(() => {
    const pixels = tensor(input, tensorShape)
    const output = network.predict(channels === "bgr" ? reverse(pixels, 3) : pixels)
    if (!isTensor(output))
      throw new ModelError("output_shape", "The model has several outputs, 1 list of scores is needed")
    return { scores: Float32Array.from(output.dataSync()), shape: output.shape }
  })
}

function toProbabilities(
  scores: Float32Array,
  { kind, isBinary }: { kind: OutputKind; isBinary: boolean },
): Float32Array {
  if (kind === "probabilities") return isBinary ? bothOf(scores) : scores
  return softmax(isBinary ? Float32Array.from([0, scores[0] ?? 0]) : scores)
}

function isTensor(output: ReturnType<Network["predict"]>): output is Tensor {
  return "dataSync" in output && typeof output.dataSync === "function"
}

function refuseNan(network: Network): void {
  const weights: [string, Tensor][] = isGraph(network)
    ? Object.entries(network.weights).flatMap(([name, list]) => list.map((weight): [string, Tensor] => [name, weight]))
    : network.weights.map((weight) => [weight.originalName, weight.read()])
  for (const [name, weight] of weights) {
    // Infinities may be meant (a padding value); NaN never is.
    if (weight.dtype === "float32" && weight.dataSync().some(Number.isNaN)) {
      throw new ModelError("nan_weights", `The weights ${name} hold values that are not numbers (NaN)`)
    }
  }
}

function isGraph(network: Network): network is GraphModel {
  return "modelSignature" in network
}

function shapesOf(tensors: readonly { shape?: (number | null)[] }[]) {
  return tensors.map(({ shape }) => shape)
}

function fillFlat(input: Float32Array): void {
  input.fill(0)
}

/** Values in -1..1 that are the same each time: a model that fails on noise fails now, not on a customer. */
function fillNoise(input: Float32Array): void {
  let state = 1
  for (let index = 0; index < input.length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    input[index] = state / 2 ** 31 - 1
  }
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return (text.split("\n")[0] ?? "").slice(0, 300)
}

import { tensor, tidy } from "@tensorflow/tfjs"
import { numberedLabels } from "../../models/labels.ts"
import { ModelError } from "../../models/model-error.ts"
import { type ModelFiles, readModelFiles } from "../../models/read-model-files.ts"
import { thresholdsOf } from "../../models/thresholds.ts"
import { type ModelDescription, newInput, type ServingModel, servingModel } from "../serving-model.ts"
import { classCountOf, type InputSize, inputSizeOf } from "../tensor-shapes.ts"
import { fillFlat, fillNoise } from "../test-inputs.ts"
import { bothOf, isDistribution } from "../to-probabilities.ts"
import { firstLine, loadTfjsNetwork, type TfjsNetwork } from "./tfjs-network.ts"

/** A model as TF.js loads it, and what it was made from: who only serves it lets that go. */
export type LoadedModel = ServingModel & {
  description: ModelDescription
  network: TfjsNetwork
  files: ModelFiles
}

/** Loads, checks and warms up the model in a folder. Throws a ModelError that says what is wrong with which file. */
export async function loadModel(id: string, folder: string): Promise<LoadedModel> {
  const files = await readModelFiles(folder)
  const network = await loadTfjsNetwork(files)
  try {
    const description = describe(id, files, network)
    return { ...servingModel(description, network), description, network, files }
  } catch (error) {
    network.dispose()
    throw error
  }
}

/** What the files and a first answer say of a model. */
function describe(id: string, files: ModelFiles, network: TfjsNetwork): ModelDescription {
  const { manifest, modelJson } = files
  const size = inputSizeOf(network.inputShapes, manifest, { file: modelJson.file, sourceOf: files.sourceOf })
  network.fit(size.tensorShape)
  const trials = [fillFlat, fillNoise].map((fill) => tryRun(network, fill(newInput(size)), size))
  const outputs = classCountOf(trials.map(({ shape }) => shape).slice(0, 1), modelJson.file)
  const isMultilabel = manifest.output === "multilabel"
  const isBinary = outputs === 1 && files.labels?.labels.length !== 1 && !isMultilabel
  const classes = isBinary ? 2 : outputs
  const labels = files.labels ?? numberedLabels(classes)
  if (classes !== labels.labels.length) {
    const message = `${labels.from} has ${labels.labels.length} labels, the model's output has ${classes} classes`
    throw new ModelError("labels_count", message)
  }
  if (trials.some(({ scores }) => !scores.every(Number.isFinite))) {
    throw new ModelError("warm_up_failed", "The model answers a test image with values that are not finite")
  }
  const isNormal = trials.every(({ scores }) => isDistribution(isBinary ? bothOf(scores) : scores))
  const isSigmoid = trials.every(({ scores }) => scores.every((score) => score >= 0 && score <= 1))
  const found = isNormal ? "probabilities" : "logits"
  const kind = isMultilabel && !isSigmoid ? "multilabel logits" : (manifest.output ?? found)
  const { name = id, description, licence, source } = manifest
  return {
    info: {
      id,
      version: files.version,
      name,
      inputWidth: size.width,
      inputHeight: size.height,
      labels: labels.labels.length,
      languages: [...labels.byLanguage.keys()].sort(),
      servedBy: { engine: "wasm", plan: false },
      memoryBytes: 0,
      ...(description === undefined ? {} : { description }),
      ...(licence === undefined ? {} : { licence }),
      ...(source === undefined ? {} : { source }),
    },
    manifest,
    labels,
    thresholds: thresholdsOf(manifest, labels.labels),
    size,
    output: { kind, from: manifest.output ? files.sourceOf("output") : "warm-up", isBinary },
  }
}

function tryRun(network: TfjsNetwork, input: Float32Array, { tensorShape }: InputSize) {
  try {
    return tidy(() => {
      const output = network.predict(tensor(input, tensorShape))
      return { scores: Float32Array.from(output.dataSync()), shape: output.shape }
    })
  } catch (cause) {
    if (cause instanceof ModelError) throw cause
    throw new ModelError("warm_up_failed", `The model fails on a test image: ${firstLine(cause)}`, { cause })
  }
}

import {
  type GraphModel,
  type io,
  type LayersModel,
  loadGraphModel,
  loadLayersModel,
  memory,
  type Tensor,
  tensor,
  tidy,
} from "@tensorflow/tfjs"
import { ModelError } from "../../models/model-error.ts"
import type { ModelFiles } from "../../models/read-model-files.ts"
import type { Network } from "../network.ts"
import { captureFeatures } from "./capture-features.ts"

export type Shape = readonly (number | null)[] | undefined

/** A network as TF.js loads it. */
export type TfjsNetwork = Network & {
  inputShapes: Shape[]
  /** Answers to an input of that shape, in a tidy() of the caller's. @throws ModelError for several outputs */
  predict: (input: Tensor) => Tensor
  /** Says which shape `run` gives its input. */
  fit: (tensorShape: readonly number[]) => void
}

/** Has TF.js load the network. @throws ModelError load_failed, nan_weights */
export async function loadTfjsNetwork(files: ModelFiles): Promise<TfjsNetwork> {
  const bytesBefore = memory().numBytes
  const network = await load(files)
  try {
    refuseNan(network)
  } catch (error) {
    network.dispose()
    throw error
  }
  return toNetwork(network, memory().numBytes - bytesBefore)
}

export function toNetwork(network: LayersModel | GraphModel, memoryBytes: number): TfjsNetwork {
  const inputShapes = network.inputs.map((input) => input.shape)
  const predict = (input: Tensor) => {
    const output = network.predict(input)
    if (isTensor(output)) return output
    throw new ModelError("output_shape", "The model has several outputs, 1 list of scores is needed")
  }
  let shape = (inputShapes[0] ?? []).map((side) => side ?? 1)
  return {
    inputShapes,
    predict,
    fit: (tensorShape) => {
      shape = [...tensorShape]
    },
    run: async (input) => tidy(() => Float32Array.from(predict(tensor(input, shape)).dataSync())),
    features: async (input) => {
      let found: Float32Array | null = null
      tidy(() => {
        found = captureFeatures(() => predict(tensor(input, shape)))
      })
      return found
    },
    memoryBytes,
    dispose: () => network.dispose(),
  }
}

async function load({ modelJson, weights }: ModelFiles): Promise<LayersModel | GraphModel> {
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

function isTensor(output: ReturnType<LayersModel["predict"] | GraphModel["predict"]>): output is Tensor {
  return "dataSync" in output && typeof output.dataSync === "function"
}

function refuseNan(network: LayersModel | GraphModel): void {
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

function isGraph(network: LayersModel | GraphModel): network is GraphModel {
  return "modelSignature" in network
}

export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return (text.split("\n")[0] ?? "").slice(0, 300)
}

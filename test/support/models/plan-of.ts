import { type LayersModel, layers, sequential } from "@tensorflow/tfjs"
import type { ModelDescription } from "../../../src/classifier/engine/serving-model.ts"
import { toNetwork } from "../../../src/classifier/engine/tfjs/tfjs-network.ts"
import { numberedLabels } from "../../../src/classifier/models/labels.ts"
import { parseManifest } from "../../../src/classifier/models/manifest.ts"

/** A network of the test's own, as planModel() takes it. */
export function loadedFrom(network: LayersModel, sidePx = 16) {
  const description: ModelDescription = {
    info: {
      ...{ id: "made", version: "1", name: "made", inputWidth: sidePx, inputHeight: sidePx, labels: 5, languages: [] },
      ...{ servedBy: { engine: "wasm", plan: false }, memoryBytes: 0 },
    },
    manifest: parseManifest(null),
    labels: numberedLabels(5),
    thresholds: null,
    size: { width: sidePx, height: sidePx, channels: "rgb", tensorShape: [1, sidePx, sidePx, 3] },
    output: { kind: "probabilities", from: "test", isBinary: false },
  }
  return { description, network: toNetwork(network, 0) }
}

/** A network with a kernel that no plan knows. */
export const upsampledModel = (): LayersModel =>
  sequential({
    layers: [
      layers.upSampling2d({ inputShape: [16, 16, 3], size: [2, 2] }),
      layers.globalAveragePooling2d({}),
      layers.dense({ units: 5, activation: "softmax" }),
    ],
  })

import { engine, type NamedAttrMap, type NamedTensorMap, type Tensor } from "@tensorflow/tfjs"

const DENSE = new Set(["_FusedMatMul", "BatchMatMul"])
/** What may follow the last dense layer: its bias, and what makes scores of its values. */
const AFTER = new Set(["Add", "Softmax", "LogSoftmax", "Sigmoid", "Reshape", "Identity", "Cast", "Squeeze"])

/**
 * What goes into the last dense layer of a network while it predicts; null where it does not end in one. It is found in the kernels
 * that run, which graph models, layers models and models within models have in common.
 */
export function captureFeatures(predict: () => Tensor): Float32Array | null {
  const runtime = engine()
  const original = runtime.runKernel
  let features: Float32Array | null = null
  runtime.runKernel = <T extends Tensor | Tensor[]>(name: string, inputs: NamedTensorMap, attrs?: NamedAttrMap): T => {
    // Read at once: what is in between is let go while the network runs.
    if (DENSE.has(name)) features = onePicture(inputs.a)
    else if (!AFTER.has(name)) features = null
    return original.call(runtime, name, inputs, attrs) as T
  }
  try {
    predict()
  } finally {
    runtime.runKernel = original
  }
  return features
}

/** The list of values for one picture; what else is multiplied is no dense layer of it. */
function onePicture(values: Tensor | undefined): Float32Array | null {
  const isList = values?.shape.slice(0, -1).every((side) => side === 1)
  return values && isList ? Float32Array.from(values.dataSync()) : null
}

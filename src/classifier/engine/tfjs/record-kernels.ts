import { engine, type Tensor, tensor } from "@tensorflow/tfjs"
import type { Recording } from "../plan/recording.ts"

/** Runs a network once, and records the kernels that TF.js computes it with. */
export function recordKernels(
  predict: (input: Tensor) => Tensor,
  { input, tensorShape }: { input: Float32Array; tensorShape: number[] },
): Recording {
  const tfjs = engine()
  const { runKernel } = tfjs
  tfjs.startScope()
  const picture = tensor(input, tensorShape)
  const recorder = new Recorder(picture)
  let depth = 0
  tfjs.runKernel = (kernel, inputs, attrs) => {
    depth++
    try {
      const outputs = runKernel.call(tfjs, kernel, inputs, attrs)
      // What a kernel runs inside is its own affair.
      if (depth === 1) recorder.add(kernel, inputs, { outputs: [outputs].flat() as Tensor[], attrs: { ...attrs } })
      return outputs as never
    } finally {
      depth--
    }
  }
  try {
    return recorder.end(predict(picture))
  } finally {
    tfjs.runKernel = runKernel
    tfjs.endScope()
  }
}

class Recorder {
  readonly #recording: Recording
  /** By a tensor's id, which no other tensor has: several can share their data. */
  readonly #values = new Map<number, number>()
  readonly #fromPicture = new Set<number>()

  constructor(picture: Tensor) {
    this.#recording = { input: 0, output: 0, kernels: [], shapes: new Map(), constants: new Map() }
    this.#recording.input = this.#valueOf(picture)
    this.#fromPicture.add(picture.id)
  }

  add(kernel: string, inputs: object, { outputs, attrs }: { outputs: Tensor[]; attrs: Record<string, unknown> }): void {
    const tensors = Object.entries(inputs).filter((entry): entry is [string, Tensor] => entry[1] != null)
    // What does not depend on the picture is a constant, known when something that does asks for it.
    if (!tensors.some(([, { id }]) => this.#fromPicture.has(id))) return
    const values = tensors.map(([name, input]) => [name, this.#read(input)])
    for (const { id } of outputs) this.#fromPicture.add(id)
    const made = outputs.map((output) => this.#valueOf(output))
    this.#recording.kernels.push({ kernel, inputs: Object.fromEntries(values), outputs: made, attrs })
  }

  end(output: Tensor): Recording {
    this.#recording.output = this.#read(output)
    return this.#recording
  }

  #read(input: Tensor): number {
    const value = this.#valueOf(input)
    // At once: it may be disposed as soon as the kernel has run.
    if (!this.#fromPicture.has(input.id) && !this.#recording.constants.has(value)) {
      this.#recording.constants.set(value, Float32Array.from(input.dataSync()))
    }
    return value
  }

  #valueOf({ id, shape }: Tensor): number {
    const value = this.#values.get(id) ?? this.#values.size
    this.#values.set(id, value)
    this.#recording.shapes.set(value, [...shape])
    return value
  }
}

/** One kernel that TF.js ran, with its tensors as numbers. */
export type RecordedKernel = {
  kernel: string
  /** By the kernel's own names of its inputs. */
  inputs: Readonly<Record<string, number>>
  outputs: readonly number[]
  attrs: Readonly<Record<string, unknown>>
}

/** What one prediction did: the kernels that depend on the picture, and what they were given that does not. */
export type Recording = {
  input: number
  output: number
  kernels: RecordedKernel[]
  shapes: Map<number, readonly number[]>
  constants: Map<number, Float32Array>
}

/** The network of one model in the memory of one engine. All that the rest of the classifier knows of an engine. */
export type Network = {
  /**
   * The scores, as the network gives them, of one picture: height × width × channels values, normalised. One call at a time; the
   * input may be filled anew as soon as the scores are there.
   */
  run: (input: Float32Array) => Promise<Float32Array>
  /** What goes into its last dense layer, for one picture; null of a network that does not end in one. */
  features?: (input: Float32Array) => Promise<Float32Array | null>
  /** What its weights hold here. */
  memoryBytes: number
  dispose: () => void
}

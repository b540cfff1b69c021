/** Inputs that are the same each time: a network that fails on one of them fails now, not on a customer. */

export function fillFlat(input: Float32Array): Float32Array {
  return input.fill(0)
}

/** Values in -1..1. */
export function fillNoise(input: Float32Array, seed = 1): Float32Array {
  let state = seed
  for (let index = 0; index < input.length; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    input[index] = state / 2 ** 31 - 1
  }
  return input
}

import type { ModelDescription } from "./serving-model.ts"
import { newInput } from "./serving-model.ts"

// Inputs that are the same each time: a network that fails on one of them fails now, not on a customer.

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

/** Pictures as a model gets them: flat, noise, a gradient, and stripes, in the range of its own input. */
export function testInputs({ size, manifest }: ModelDescription): Float32Array[] {
  const { width, channels } = size
  const depth = channels === "gray" ? 1 : 3
  const [mean, std] = [manifest.input.mean, manifest.input.std].map((value) => {
    return typeof value === "number" ? [value, value, value] : value
  })
  const pixels: ((at: number) => number)[] = [
    () => 128,
    (at) => (Math.imul(at + 1, 2654435761) >>> 16) & 255,
    (at) => (Math.floor(at / depth) % width) * (255 / width),
    (at) =>
      (Math.floor(at / (depth * 16)) + Math.floor(at / (depth * width * 16))) % 2 ? 40 + (at % depth) * 80 : 250,
  ]
  return pixels.map((pixel) => {
    return newInput(size).map((_, at) => {
      const channel = at % depth
      return (pixel(at) - (mean?.[channel] ?? 0)) / (std?.[channel] ?? 1)
    })
  })
}

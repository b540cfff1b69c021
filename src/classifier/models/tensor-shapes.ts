import type { Manifest } from "./manifest.ts"
import { ModelError } from "./model-error.ts"

export type InputSize = { width: number; height: number }

type Shape = readonly (number | null)[] | undefined

/**
 * Finds the input size in a model's input shape, [batch, height, width, 3] with null or -1 where it is open, and asks the
 * manifest for what is open. Throws a ModelError for any other shape.
 */
export function inputSizeOf(shapes: readonly Shape[], manifest: Manifest): InputSize {
  const [shape] = shapes
  if (shapes.length !== 1) throw new ModelError("input_shape", `The model has ${shapes.length} inputs, 1 is needed`)
  const [batch, height, width, channels] = (shape ?? []).map((side) => (side === null || side < 0 ? undefined : side))
  const seen = `input shape ${describe(shape)}`
  if (shape?.length !== 4 || (channels ?? 3) !== 3) {
    throw new ModelError("input_shape", `model.json: ${seen} is not [batch, height, width, 3]`)
  }
  if ((batch ?? 1) !== 1) throw new ModelError("input_shape", `model.json: ${seen} takes only batches of ${batch}`)
  return {
    width: agree("width", width, manifest.input.width, seen),
    height: agree("height", height, manifest.input.height, seen),
  }
}

/** How many values one image gives. Throws a ModelError where that is not a plain list of scores. */
export function classCountOf(shapes: readonly Shape[]): number {
  const [shape] = shapes
  if (shapes.length !== 1 || !shape) {
    throw new ModelError("output_shape", `The model has ${shapes.length} outputs, 1 list of scores is needed`)
  }
  const sides = shape.slice(1)
  const count = sides.at(-1) ?? 0
  const isList = sides.length > 0 && count !== null && count > 0 && sides.slice(0, -1).every((side) => side === 1)
  if (!isList)
    throw new ModelError("output_shape", `model.json: output shape ${describe(shape)} is not a list of scores`)
  return count
}

function agree(key: "width" | "height", found: number | undefined, stated: number | undefined, seen: string): number {
  if (found !== undefined && stated !== undefined && found !== stated) {
    throw new ModelError("input_shape", `claimcheck.json: input.${key} is ${stated}, but model.json has ${seen}`)
  }
  const side = found ?? stated
  if (side === undefined) {
    throw new ModelError("input_shape", `claimcheck.json: input.${key} is needed, since model.json has ${seen}`)
  }
  if (side === 0 || side > 2048) throw new ModelError("input_shape", `model.json: ${seen} is out of bounds (1 to 2048)`)
  return side
}

function describe(shape: Shape): string {
  return shape ? `[${shape.map((side) => side ?? "null").join(", ")}]` : "(none)"
}

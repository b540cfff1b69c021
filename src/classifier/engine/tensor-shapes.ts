import type { Manifest } from "../models/manifest.ts"
import { ModelError } from "../models/model-error.ts"

export type InputSize = {
  width: number
  height: number
  channels: "rgb" | "bgr" | "gray"
  /** Of the tensor for one picture. */
  tensorShape: number[]
}

type Shape = readonly (number | null)[] | undefined

/** For messages: the model's file, and where a key of the manifest was said. */
export type Naming = { file: string; sourceOf: (key: string) => string }

/**
 * Finds the input size in a model's input shape, [batch, height, width, 3] with null or -1 where it is open, and asks the
 * manifest for what is open. A grey model has 1 channel, or none: [batch, height, width]. Throws a ModelError for any other
 * shape.
 */
export function inputSizeOf(shapes: readonly Shape[], manifest: Manifest, naming: Naming): InputSize {
  const [shape] = shapes
  if (shapes.length !== 1) throw new ModelError("input_shape", `The model has ${shapes.length} inputs, 1 is needed`)
  const sides = (shape ?? []).map((side) => (side === null || side < 0 ? undefined : side))
  const [batch, height, width, channels] = sides
  const seen = `${naming.file}: input shape ${describe(shape)}`
  // A graph may leave its shape out altogether; then the manifest says it all.
  const isFlat = shape?.length === 3
  const isPicture = isFlat || (shape?.length === 4 && [undefined, 1, 3].includes(channels))
  if (shape !== undefined && !isPicture) {
    throw new ModelError("input_shape", `${seen} is not [batch, height, width, 3 or 1]${hint(sides)}`)
  }
  if ((batch ?? 1) !== 1) throw new ModelError("input_shape", `${seen} takes only batches of ${batch}`)
  const agree = (key: "width" | "height", found: number | undefined) => {
    return agreedSide({ found, stated: manifest.input[key], key: `input.${key}` }, seen, naming)
  }
  const size = { width: agree("width", width), height: agree("height", height) }
  const asked = manifest.input.channels
  const order = asked ?? (isFlat || channels === 1 ? "gray" : "rgb")
  const isGray = order === "gray"
  if ((isFlat && !isGray) || (channels !== undefined && (channels === 1) !== isGray)) {
    throw new ModelError(
      "input_shape",
      `input.channels is ${asked} by ${naming.sourceOf("input.channels")}, but ${seen}`,
    )
  }
  const depth = isFlat ? [] : [isGray ? 1 : 3]
  return { ...size, channels: order, tensorShape: [1, size.height, size.width, ...depth] }
}

/** How many values one image gives. Throws a ModelError where that is not a plain list of scores. */
export function classCountOf(shapes: readonly Shape[], file: string): number {
  const [shape] = shapes
  if (shapes.length !== 1 || !shape) {
    throw new ModelError("output_shape", `The model has ${shapes.length} outputs, 1 list of scores is needed`)
  }
  const sides = shape.slice(1)
  const count = sides.at(-1) ?? 0
  const isList = sides.length > 0 && count !== null && count > 0 && sides.slice(0, -1).every((side) => side === 1)
  if (!isList) throw new ModelError("output_shape", `${file}: output shape ${describe(shape)} is not a list of scores`)
  return count
}

type Side = { key: string; found: number | undefined; stated: number | undefined }

function agreedSide({ key, found, stated }: Side, seen: string, { sourceOf }: Naming): number {
  if (found !== undefined && stated !== undefined && found !== stated) {
    throw new ModelError("input_shape", `${key} is ${stated} by ${sourceOf(key)}, but ${seen}`)
  }
  const side = found ?? stated
  if (side === undefined)
    throw new ModelError("input_shape", `claimcheck.json: ${key} is needed, since ${seen} is open`)
  if (side === 0 || side > 2048) throw new ModelError("input_shape", `${seen} is out of bounds (1 to 2048)`)
  return side
}

/** What people mostly did when a shape is wrong in a well-known way. */
function hint(sides: readonly (number | undefined)[]): string {
  if (sides.length !== 4) return ""
  if (sides[1] === 3) return ": its channels come first (NCHW); export it with channels last"
  if (sides[3] === 4) return ": it takes an alpha channel; only models of 3 channels or 1 can be served"
  return ""
}

function describe(shape: Shape): string {
  return shape ? `[${shape.map((side) => side ?? "null").join(", ")}]` : "(none)"
}

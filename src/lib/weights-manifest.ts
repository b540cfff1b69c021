import * as z from "zod"

/** Of a string only its length is certain: four bytes before each. */
const BYTES_PER_VALUE = { float32: 4, int32: 4, complex64: 8, bool: 1, string: 4, uint8: 1, uint16: 2, float16: 2 }

const weightSpec = z.looseObject({
  name: z.string(),
  shape: z.array(z.int().min(0)),
  dtype: z.enum(["float32", "int32", "complex64", "bool", "string"]),
  quantization: z.looseObject({ dtype: z.enum(["uint8", "uint16", "float16"]) }).optional(),
})

/** A file of a model. Models come from anywhere: what they name must be found below their own folder, on every system. */
export const modelFilePath = z
  .string()
  .min(1)
  .refine(isInside, { error: ({ input }) => `${JSON.stringify(input)} lies outside the model's folder` })

/** The part of a TF.js model.json that names the files of its weights, and says what is in them. */
export const weightsManifestSchema = z
  .array(z.object({ paths: z.array(modelFilePath), weights: z.array(weightSpec) }))
  .min(1)
export type WeightsManifest = z.infer<typeof weightsManifestSchema>

/** How many bytes all shards have together; at least, where there are strings among them. */
export function weightBytesOf(manifest: WeightsManifest): number {
  return manifest.flatMap(({ weights }) => weights).reduce((sum, weight) => sum + bytesOfWeight(weight), 0)
}

export function bytesOfWeight({ shape, dtype, quantization }: z.infer<typeof weightSpec>): number {
  return shape.reduce((product, side) => product * side, 1) * BYTES_PER_VALUE[quantization?.dtype ?? dtype]
}

export function hasStrings(manifest: WeightsManifest): boolean {
  return manifest.some(({ weights }) => weights.some(({ dtype }) => dtype === "string"))
}

function isInside(path: string): boolean {
  const isAbsolute = /^([/\\]|[a-z]:|[a-z][a-z0-9+.-]*:\/\/)/i.test(path)
  return !isAbsolute && !path.includes("\0") && !path.split(/[/\\]/).includes("..")
}

import * as z from "zod"

const BYTES_PER_VALUE = { float32: 4, int32: 4, bool: 1, uint8: 1, uint16: 2, float16: 2 }

const weightSpec = z.looseObject({
  name: z.string(),
  shape: z.array(z.int().min(0)),
  dtype: z.enum(["float32", "int32", "bool"]),
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

/** How many bytes all shards have together. */
export function weightBytesOf(manifest: WeightsManifest): number {
  return manifest
    .flatMap(({ weights }) => weights)
    .reduce((sum, { shape, dtype, quantization }) => {
      const values = shape.reduce((product, side) => product * side, 1)
      return sum + values * BYTES_PER_VALUE[quantization?.dtype ?? dtype]
    }, 0)
}

function isInside(path: string): boolean {
  const isAbsolute = /^([/\\]|[a-z]:|[a-z][a-z0-9+.-]*:\/\/)/i.test(path)
  return !isAbsolute && !path.includes("\0") && !path.split(/[/\\]/).includes("..")
}

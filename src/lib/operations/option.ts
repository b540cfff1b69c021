import * as z from "zod"

/** Options come as texts: a query and a form have nothing else, and JSON's numbers are read the same way. */
export const wholeNumberOption = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.int().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))

/** A decimal number, without exponent. */
export const numberOption = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}(\.\d{1,9})?$/, "must be a number")
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))

export const qualityOption = wholeNumberOption(1, 100)
  .optional()
  .meta({ description: "Of an image, 1 is worst and 100 best; compress takes 50 and resize 80 unless told" })

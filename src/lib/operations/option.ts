import * as z from "zod"

/** Options are read as text: a query and a form have nothing else, and a number or boolean of JSON is read by its text. */
export const wholeNumberOption = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.int().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))

/** A decimal number, as JSON writes it: 0.30000000000000004 and 1e-7 too. */
export const numberOption = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,9}(\.\d{1,20})?(e[+-]?\d{1,3})?$/i, "must be a number")
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))

/** `True`, too, as Python writes it in a form. */
export const booleanOption = z
  .string()
  .toLowerCase()
  .pipe(z.enum(["true", "false"], "must be true or false"))
  .transform((text) => text === "true")
  .pipe(z.boolean())

export const qualityOption = wholeNumberOption(1, 100)
  .optional()
  .meta({ description: "1 (worst) to 100 (best); default 50 for `compress`, 80 for `resize`" })

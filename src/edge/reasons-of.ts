import type * as z from "zod"

/** The issues as one sentence, with their paths. Our schemas' messages quote no value. */
export function reasonsOf(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`))
    .join("; ")
}

import type * as z from "zod"

/** What is wrong, by the name of what it is wrong with. Our schemas' messages quote no value. */
export function reasonsOf(error: z.ZodError): string {
  return error.issues
    .map(({ path, message }) => (path.length === 0 ? message : `${path.join(".")}: ${message}`))
    .join("; ")
}

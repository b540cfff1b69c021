import * as z from "zod"

/** What the environment says, as every runtime can hand it over. */
export type Env = Readonly<Record<string, unknown>>

/** A whole number of at least `min`, written as decimal digits. */
export const wholeNumber = (defaultValue: number, min = 1) =>
  z
    .string()
    .regex(/^\d+$/, "must be a whole number")
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(Number.MAX_SAFE_INTEGER, "is too large"))
    .default(defaultValue)

export const flag = (defaultValue: boolean) =>
  z
    .enum(["true", "false", "1", "0"], "must be true or false")
    .transform((text) => text === "true" || text === "1")
    .default(defaultValue)

/** The one rule for lists in a variable: words, separated by white space or commas. (Paths are separated by ":", as in PATH.) */
export const splitWords = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== "")
export const words = () => z.string().transform(splitWords)

/**
 * Reads configuration once, at the entry. A variable that is set to nothing counts as not set.
 * @throws Error that names every variable that is wrong, and never its value
 */
export function parseEnv<T extends z.ZodObject>(schema: T, env: Env): z.infer<T> {
  const known = Object.keys(schema.shape).map((name) => [name, env[name] === "" ? undefined : env[name]])
  const parsed = schema.safeParse(Object.fromEntries(known))
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, code, message }) => {
    const missing = code === "invalid_type" && known.some(([name, value]) => name === path[0] && value === undefined)
    return `${String(path[0])} ${missing ? "is not set" : message}`
  })
  throw new ConfigError(`Cannot start: ${[...new Set(problems)].join("; ")}`)
}

/** The environment does not say what we need. Its message is meant for the person who set it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError"
  readonly code = "config"
}

import { AppError } from "../../lib/app-error.ts"

/** Options from the query, a form and JSON. @throws AppError invalid_options for one with two values, of which one would be lost */
export function mergeOptions(...sources: Iterable<readonly [string, string]>[]): Record<string, string> {
  const options = new Map<string, string>()
  for (const source of sources) {
    for (const [name, value] of source) {
      if ((options.get(name) ?? value) !== value) {
        const shown = JSON.stringify(name.slice(0, 40))
        throw new AppError("invalid_options", `Cannot accept options: ${shown} has two values: send it once`)
      }
      options.set(name, value)
    }
  }
  return Object.fromEntries(options)
}

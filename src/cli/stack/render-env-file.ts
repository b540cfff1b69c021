import { CliError } from "../cli-error.ts"

const QUOTES = ["'", '"', "`"] as const

/**
 * An env file that wrangler reads back value for value. It reads with dotenv (a quoted value ends at its quote, only
 * double quotes turn `\n` into a line break) and then expands `$NAME` in every value, quoted or not, unless the `$` has
 * a backslash before it.
 */
export function renderEnvFile(variables: Record<string, string>): string {
  const lines = Object.entries(variables).map(([name, value]) => {
    const quote = QUOTES.find((mark) => !value.includes(mark) && !(mark === '"' && value.includes("\\")))
    if (quote === undefined) throw new CliError(`Cannot pass ${name} to the edge: it holds every kind of quote`)
    return `${name}=${quote}${value.replaceAll("$", "\\$")}${quote}\n`
  })
  return lines.join("")
}

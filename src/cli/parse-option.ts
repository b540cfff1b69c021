import { type Command, InvalidArgumentError } from "commander"

/** What a hidden option is given counts as given to the documented one. */
export function alias(command: Command, hidden: string, documented: string): void {
  command.on(`option:${hidden}`, (value: string) => command.setOptionValueWithSource(documented, value, "cli"))
}

/** For commands with optional subcommands: an unknown word is reported as a misspelt subcommand. */
export function refuseOtherWords(command: Command): Command {
  return command.allowExcessArguments().hook("preAction", (_command, called) => {
    const [word] = called === command ? command.args : []
    if (word === undefined) return
    const names = command.commands.map((subcommand) => subcommand.name()).join(", ")
    command.error(`error: unknown command '${word}': ${command.name()} has ${names}`)
  })
}

/** A whole number from 1. */
export function parseCount(value: string): number {
  const count = Number(value)
  if (Number.isSafeInteger(count) && count > 0) return count
  throw new InvalidArgumentError("Expected a whole number from 1.")
}

/** A probability, 0 to 1. */
export function parseProbability(value: string): number {
  const probability = Number(value)
  if (value.trim() !== "" && probability >= 0 && probability <= 1) return probability
  throw new InvalidArgumentError("Expected a number from 0 to 1, such as 0.3.")
}

const UNIT_MS = { ms: 1, s: 1_000, min: 60_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** A duration in milliseconds, from "90s", "15min", "2h", "1d". A number without a unit is refused: 50 may mean either. */
export function parseDurationMs(value: string): number {
  const [, amount = "", unit = "?"] = /^(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)$/.exec(value.trim()) ?? []
  const ms = Number(amount) * (UNIT_MS[unit as keyof typeof UNIT_MS] ?? Number.NaN)
  if (ms > 0) return Math.round(ms)
  throw new InvalidArgumentError("Expected a number with its unit: 50ms, 90s, 15min or 2h.")
}

import { RestError } from "./rest-error.ts"

/** One Redis command, name first. Buffers where the bytes came raw, out of a path or a body. */
export type Command = readonly (string | Buffer)[]

/** Limits the memory of one request. */
const MAX_COMMANDS_PER_REQUEST = 100_000

/** Reads a command as it stands in a JSON body: `["SET", "key", 1]`. Throws RestError 400. */
export function toCommand(value: unknown): Command {
  if (!Array.isArray(value)) throw new RestError(400, "ERR failed to parse command: expected a JSON array")
  if (value.length === 0) throw new RestError(400, "ERR empty command")
  return value.map(toArgument)
}

/** Reads the body of `/pipeline` and `/multi-exec`: an array of commands. Throws RestError 400. */
export function toCommands(value: unknown): Command[] {
  if (!Array.isArray(value)) throw new RestError(400, "ERR failed to parse pipeline: expected an array of JSON arrays")
  if (value.length === 0) throw new RestError(400, "ERR empty pipeline request")
  if (value.length > MAX_COMMANDS_PER_REQUEST) {
    throw new RestError(400, `ERR pipeline of ${value.length} commands exceeds ${MAX_COMMANDS_PER_REQUEST}`)
  }
  return value.map(toCommand)
}

export function commandName(command: Command): string {
  return String(command[0]).toUpperCase()
}

function toArgument(value: unknown): string {
  switch (typeof value) {
    case "string":
      return value
    case "number":
    case "boolean":
      return String(value)
    default:
      throw new RestError(400, "ERR failed to parse command: an argument is not a string, a number or a boolean")
  }
}

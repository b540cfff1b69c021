import { createHash } from "node:crypto"
import { type Command, commandName } from "../command.ts"
import type { Reply } from "./reply.ts"

/** Upstash's own flag: lock the declared keys alone. A plain Redis 7 refuses a script that carries it. */
const FLAG = "allow-key-locking"

/** A command as Redis is to see it, and how its reply reads for the caller. */
export type Translated = { command: Command; reply?: (reply: Reply) => Reply }

export type ScriptFlags = { translate(command: Command): Translated }

/**
 * Takes the flag `allow-key-locking` out of scripts and functions, and remembers which SHA-1 Redis knows the script by, so
 * that EVALSHA with the SHA-1 of the text as the caller wrote it finds it. A forgotten one ends in NOSCRIPT, as usual.
 */
export function createScriptFlags({ maxScripts = 1000 } = {}): ScriptFlags {
  const stored = new Map<string, string>()

  function strip(text: string | Buffer): string | Buffer {
    const stripped = stripFlag(text)
    if (stripped === text) return text
    if (stored.size >= maxScripts) stored.delete(stored.keys().next().value ?? "")
    stored.set(sha1(text), sha1(stripped))
    return stripped
  }

  const known = (sha: string | Buffer) => stored.get(String(sha).toLowerCase()) ?? sha

  return {
    translate(command) {
      switch (commandName(command)) {
        case "EVAL":
        case "EVAL_RO":
          return { command: replaceAt(command, 1, strip) }
        case "EVALSHA":
        case "EVALSHA_RO":
          return { command: replaceAt(command, 1, known) }
        case "FUNCTION":
          return { command: replaceAt(command, command.length - 1, stripFlag) }
        case "SCRIPT":
          return translateScript(command)
        default:
          return { command }
      }
    },
  }

  function translateScript(command: Command): Translated {
    const [name, subcommand, ...rest] = command
    if (name === undefined || subcommand === undefined) return { command }
    if (String(subcommand).toUpperCase() === "EXISTS") return { command: [name, subcommand, ...rest.map(known)] }
    const text = rest[0]
    if (String(subcommand).toUpperCase() !== "LOAD" || text === undefined) return { command }
    return { command: [name, subcommand, strip(text), ...rest.slice(1)], reply: () => Buffer.from(sha1(text)) }
  }
}

function replaceAt(command: Command, index: number, change: (argument: string | Buffer) => string | Buffer): Command {
  const argument = command[index]
  return argument === undefined ? command : command.with(index, change(argument))
}

function stripFlag(text: string | Buffer): string | Buffer {
  // latin1 maps bytes to characters one to one, so a script that is not UTF-8 comes out as it went in.
  if (typeof text !== "string") {
    const before = text.toString("latin1")
    const after = stripFlag(before)
    return after === before ? text : Buffer.from(String(after), "latin1")
  }
  if (!text.startsWith("#!")) return text
  const lineEnd = text.indexOf("\n") < 0 ? text.length : text.indexOf("\n")
  const line = text.slice(0, lineEnd)
  if (!line.includes(FLAG)) return text
  const shebang = line.replace(/\s+flags=(\S*)/, (_match, flags: string) => {
    const others = flags.split(",").filter((flag) => flag !== FLAG)
    return others.length === 0 ? "" : ` flags=${others.join(",")}`
  })
  return shebang + text.slice(lineEnd)
}

function sha1(text: string | Buffer): string {
  return createHash("sha1").update(text).digest("hex")
}

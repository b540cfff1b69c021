import { ErrorReply } from "@redis/client"
import type { Command } from "../command.ts"
import { RestError } from "../rest-error.ts"
import type { RedisLink } from "./redis-link.ts"
import { refusalOf } from "./refused-commands.ts"
import { type Outcome, type Reply, toOutcome } from "./reply.ts"
import { createScriptFlags } from "./script-flags.ts"

/** Runs what a request asks for. All three throw RestError 503 when Redis is away. */
export type Executor = {
  one(command: Command): Promise<Outcome>
  /** In order, but with other callers' commands in between. */
  pipeline(commands: readonly Command[]): Promise<Outcome[]>
  /** All or nothing; throws RestError 400 for nothing. */
  transaction(commands: readonly Command[]): Promise<Outcome[]>
}

/** A long pipeline goes to Redis in slices, so that other requests get their turn in between. */
const COMMANDS_PER_SLICE = 500

export function createExecutor(redis: RedisLink, onCommand: (command: Command) => void): Executor {
  const scripts = createScriptFlags()

  async function one(command: Command): Promise<Outcome> {
    const refusal = refusalOf(command)
    if (refusal !== null) return { error: refusal }
    onCommand(command)
    const translated = scripts.translate(command)
    return toCallersOutcome(await redis.send(translated.command), translated.reply)
  }

  return {
    one,
    async pipeline(commands) {
      const outcomes: Outcome[] = []
      for (let i = 0; i < commands.length; i += COMMANDS_PER_SLICE) {
        outcomes.push(...(await Promise.all(commands.slice(i, i + COMMANDS_PER_SLICE).map(one))))
      }
      return outcomes
    },
    async transaction(commands) {
      for (const command of commands) {
        const refusal = refusalOf(command)
        if (refusal !== null) throw new RestError(400, refusal)
      }
      commands.forEach(onCommand)
      const translated = commands.map((command) => scripts.translate(command))
      const replies = await redis.transact(translated.map(({ command }) => command))
      if (replies instanceof ErrorReply) throw new RestError(400, replies.message)
      if (!Array.isArray(replies)) throw new RestError(400, "EXECABORT Transaction discarded")
      return replies.map((reply, index) => toCallersOutcome(reply, translated[index]?.reply))
    },
  }
}

function toCallersOutcome(reply: Reply, translate: ((reply: Reply) => Reply) | undefined): Outcome {
  const outcome = toOutcome(reply)
  return translate === undefined || "error" in outcome ? outcome : { reply: translate(outcome.reply) }
}

import type { Command } from "commander"
import { isOperationName } from "../../lib/operations/operations.ts"
import { modelOfQueue } from "../../lib/queue/queue-name.ts"
import { CliError } from "../cli-error.ts"
import { parseCount } from "../parse-option.ts"
import { countOf } from "../terminal/human-units.ts"
import { print } from "../terminal/terminal.ts"
import type { AdminDeps } from "./open-admin.ts"
import { runAdmin } from "./run-admin.ts"

const REACH = `
It connects to the Redis of the local stack, or to UPSTASH_REDIS_REST_URL with UPSTASH_REDIS_REST_TOKEN.`

const MODEL = ["-m, --model <model>", "this model alone, or an operation without one: @resize"] as const
type Options = { model?: string }

export function addPauseCommands(program: Command): void {
  program
    .command("pause")
    .summary("pause the queue, or one model; uploads are still accepted")
    .description("Let classifiers claim no more jobs. They finish claimed jobs, and uploads are still accepted.")
    .option(...MODEL)
    .addHelpText(
      "after",
      `${REACH}\nThe pause lasts until \`claimcheck resume\`, across restarts.

Examples:
  $ claimcheck pause
  $ claimcheck pause --model efficientnet_lite0`,
    )
    .action(({ model }: Options) =>
      runAdmin(async (deps) => {
        await deps.operator.pause(model === undefined ? undefined : await knownModel(deps, model))
        const end = model === undefined ? "claimcheck resume" : `claimcheck resume --model ${model}`
        const what = model === undefined ? "no more" : `none of ${model}`
        print(`Paused: classifiers finish their claimed jobs and claim ${what}. Continue with: ${end}`)
      }),
    )
  program
    .command("resume")
    .summary("resume a paused queue, or one model")
    .description("Let classifiers claim again after a pause.")
    .option(...MODEL)
    .addHelpText(
      "after",
      `${REACH}\nWithout --model it ends the pause of everything: models that were paused by name stay paused.`,
    )
    .action(({ model }: Options) =>
      runAdmin(async ({ operator }) => {
        await operator.resume(model === undefined ? undefined : modelOfQueue(model))
        const { isPaused, models } = await operator.limits()
        const still = Object.keys(models).filter((id) => models[id]?.paused)
        print(
          isPaused
            ? "Resumed, but the whole queue is still paused: claimcheck resume"
            : "Resumed: classifiers claim again.",
        )
        for (const id of still) print(`Still paused: ${id}. Continue with: claimcheck resume --model ${id}`)
      }),
    )
}

/** The command `queue limit`. */
export function addLimitCommand(queue: Command): void {
  queue
    .command("limit")
    .summary("limit how many jobs of a model are worked on at once")
    .description(
      "Limit how many jobs of a model all classifiers together work on at once. Other models use the lanes that are free.",
    )
    .argument("<model>", "as `claimcheck queue` lists it")
    .argument("<jobs>", "a number, or none", (text) => (text === "none" ? (false as const) : parseCount(text)))
    .addHelpText(
      "after",
      `
Images at URLs count, also while they are fetched. Jobs that are worked on already count and are not stopped. Classifiers of
releases before this command do not obey it.${REACH}

Examples:
  $ claimcheck queue limit big-model 2
  $ claimcheck queue limit big-model none`,
    )
    .action((given: string, concurrency: number | false) =>
      runAdmin(async (deps) => {
        const model = await knownModel(deps, given)
        await deps.operator.limit(model, { concurrency })
        const most =
          concurrency === false ? "as many jobs as there are lanes" : `at most ${countOf(concurrency, "job")} at once`
        print(`${model}: ${most}`)
      }),
    )
}

/** @throws CliError for a name that is a typing error: nothing would ever be held by it */
async function knownModel({ registry, operator }: AdminDeps, given: string): Promise<string> {
  const model = modelOfQueue(given)
  if (model.startsWith("@") && isOperationName(model.slice(1))) return model
  const ids = (await registry.read()).models.map(({ id }) => id)
  if (ids.includes(model) || model in (await operator.limits()).models) return model
  const known = ids.length === 0 ? "" : `; there are ${ids.join(", ")}`
  throw new CliError(`There is no model ${model}${known}`, { code: "unknown_model" })
}

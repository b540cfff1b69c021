import type { Command } from "commander"
import { sleep } from "../../lib/sleep.ts"
import { createApi, type GetJson, parseBody } from "../api/api.ts"
import { type EdgeOptions, withEdgeOptions } from "../api/edge-options.ts"
import { CliError, describe } from "../cli-error.ts"
import { interruptible } from "../interrupted.ts"
import { refuseOtherWords } from "../parse-option.ts"
import { paintFor, print, survivesGoneReader } from "../terminal/terminal.ts"
import { createLiveText } from "./live-text.ts"
import { addLimitCommand } from "./pause-command.ts"
import { queueSchema, renderQueue } from "./render-queue.ts"
import { addWaitingCommands } from "./waiting-commands.ts"

const HELP = `
Examples:
  $ claimcheck queue
  $ claimcheck queue --watch
  $ claimcheck queue --json | jq .depth
  $ claimcheck queue move old-model new-model
  $ claimcheck queue drop old-model --yes
  $ claimcheck queue limit big-model 2

A classifier that died without a word is counted for two minutes after its last report.
"a new one takes": the estimated time until an image submitted now is done.`

const WATCH_EVERY_MS = 1_000

type Options = EdgeOptions & { watch?: true }

export function addQueueCommand(program: Command): void {
  const command = program
    .command("queue")
    .summary("show depth and speed of the queue; drop or move waiting jobs, limit a model")
    .description("Show waiting jobs, their age, and the classifiers that serve them.")
    // What follows the name of a subcommand is that one's.
    .enablePositionalOptions()
    .option("-w, --watch", "refresh every second, until Ctrl-C")
  refuseOtherWords(withEdgeOptions(command))
    .addHelpText("after", HELP)
    .action(async (options: Options) => {
      survivesGoneReader(() => process.exit())
      const get = createApi(options)
      await interruptible((signal) =>
        options.watch ? watch(get, options, signal) : look(get, options, signal).then(print),
      )
    })
  addWaitingCommands(command)
  addLimitCommand(command)
}

async function look(get: GetJson, { json }: Options, signal: AbortSignal): Promise<string> {
  const body = await get("/v1/queue", { signal })
  return json ? JSON.stringify(body) : renderQueue(parseBody(queueSchema, body), paintFor(process.stdout))
}

/** On a terminal the view is drawn over itself; elsewhere, and as JSON, each look is printed. */
async function watch(get: GetJson, options: Options, signal: AbortSignal): Promise<void> {
  const paint = paintFor(process.stdout)
  // The first look may fail as any command does.
  let text = await look(get, options, signal)
  const live = process.stdout.isTTY && !options.json ? createLiveText(process.stdout) : null
  try {
    for (;;) {
      if (live) live.draw(`${text}\n${paint("dim", `${new Date().toLocaleTimeString("en-GB")}  Ctrl-C ends`)}`)
      else print(text)
      await sleep(WATCH_EVERY_MS, signal)
      signal.throwIfAborted()
      text = await lookAgain(get, options, signal)
    }
  } finally {
    live?.close()
  }
}

/** A short outage of the edge does not end --watch. */
async function lookAgain(get: GetJson, options: Options, signal: AbortSignal): Promise<string> {
  try {
    return await look(get, options, signal)
  } catch (error) {
    if (signal.aborted || !(error instanceof CliError)) throw error
    if (options.json) return JSON.stringify({ error: { code: error.code ?? "failed", message: error.message } })
    return `${paintFor(process.stdout)("red", "error")} ${describe(error)}`
  }
}

import type { Command } from "commander"
import { sleep } from "../../lib/sleep.ts"
import { CliError } from "../cli-error.ts"
import { countOf } from "../terminal/human-units.ts"
import { print, printError } from "../terminal/terminal.ts"
import type { AdminDeps } from "./open-admin.ts"
import { runAdmin } from "./run-admin.ts"

/** Edges read the registry every ten seconds; uploads accepted before that have arrived by then. */
const SEEN_MS = 15_000
const LOOK_MS = 1_000

const HELP = `
For an upgrade that raises the schema number (docs/versions.md). Ctrl-C only stops waiting: uploads stay refused until
\`claimcheck drain --off\`. It connects to the Redis of the local stack, or to UPSTASH_REDIS_REST_URL with
UPSTASH_REDIS_REST_TOKEN.

Exit codes: 0 empty, 1 the queue is paused or Redis is down, 130 interrupted.`

export function addDrainCommand(program: Command): void {
  program
    .command("drain")
    .summary("refuse uploads, and wait until the queue is empty")
    .description("Let edges refuse uploads (503 draining), and wait until no job waits or runs and no webhook is due.")
    .option("--off", "accept uploads again")
    .option("--json", "print the remaining work as a JSON line per second")
    .addHelpText("after", HELP)
    .action(({ off, json }: { off?: true; json?: true }) =>
      runAdmin(async (deps, signal) => {
        await deps.operator.drain(off !== true)
        if (off) return print("Accepting again, within ten seconds.")
        const tell = (left: Left) => (json ? print(JSON.stringify(left)) : printError(describe(left)))
        await untilDrained(deps, { tell, signal })
        if (!json)
          print("Empty. Stop this release and start the next one; with the same schema number: claimcheck drain --off")
      }),
    )
}

type Left = Awaited<ReturnType<AdminDeps["operator"]["countLeft"]>>

/** Looks every second until nothing is left. @throws CliError when the queue is paused: it would never be empty */
export async function untilDrained(
  { operator }: Pick<AdminDeps, "operator">,
  { tell, signal, seenMs = SEEN_MS }: { tell: (left: Left) => void; signal: AbortSignal; seenMs?: number },
): Promise<void> {
  let told = ""
  for (const startMs = performance.now(); ; await sleep(LOOK_MS, signal)) {
    signal.throwIfAborted()
    const left = await operator.countLeft()
    if (left.paused)
      throw new CliError("The queue is paused and would never be empty: claimcheck resume", { code: "paused" })
    for (const model of left.pausedModels)
      throw new CliError(`${model} is paused and jobs wait for it: claimcheck resume --model ${model}`, {
        code: "paused",
      })
    if (JSON.stringify(left) !== told) tell(left)
    told = JSON.stringify(left)
    const isEmpty = left.waiting + left.processing + left.batches + left.receivers === 0
    if (isEmpty && performance.now() - startMs >= seenMs) return
  }
}

function describe({ waiting, processing, batches, receivers }: Left): string {
  return `${countOf(waiting, "job")} waiting, ${processing} in work, ${countOf(batches, "list")} open, webhooks to ${countOf(receivers, "receiver")}`
}

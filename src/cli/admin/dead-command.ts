import { type Command, Option } from "commander"
import { parseCount, parseDurationMs } from "../parse-option.ts"
import { confirm } from "../terminal/confirm.ts"
import { countOf, humanMs } from "../terminal/human-units.ts"
import { paintFor, print, printError } from "../terminal/terminal.ts"
import { allDeadIds, dropDead, findDead, findWork, retryDead } from "./dead-letters.ts"
import { parseJobId } from "./job-ids.ts"
import type { AdminDeps } from "./open-admin.ts"
import { renderDead, renderDeadList } from "./render-dead.ts"
import { runAdmin } from "./run-admin.ts"
import { checkWhich, reportFailures, type Which, withWhich } from "./which.ts"

const HELP = `
A job that used up its attempts is kept with its image for a week (DEAD_TTL_S) and can be retried. These commands
connect to the Redis of the local stack, or to UPSTASH_REDIS_REST_URL with UPSTASH_REDIS_REST_TOKEN.
An id is that of a job or of a ticket (cls_…).

Examples:
  $ claimcheck dead list
  $ claimcheck dead show 7z3k0v5c8mq2x9r4t6w1y8a0bd
  $ claimcheck dead retry --all --deadline 6h
  $ claimcheck dead drop 7z3k0v5c8mq2x9r4t6w1y8a0bd --yes

Exit codes: 0 done, 1 an id is not a dead letter or you did not confirm, 2 the command is invalid, or --yes is missing
without a terminal, 130 interrupted.`

const HOUR_MS = 3_600_000

export function addDeadCommand(program: Command): void {
  const dead = program
    .command("dead")
    .summary("list, retry or drop jobs that used up their attempts")
    .description("List, retry or drop dead letters: jobs that used up their attempts.")
    .addHelpText("after", HELP)
  addList(dead)
  addShow(dead)
  addRetry(dead)
  addDrop(dead)
}

type JsonOption = { json?: true }

function addList(dead: Command): void {
  dead
    .command("list")
    .description("List dead letters, latest first.")
    .option("--limit <n>", "maximum number", parseCount, 50)
    .option("--json", "print one JSON line per item")
    .action(({ limit, json }: JsonOption & { limit: number }) =>
      runAdmin(async ({ operator }) => {
        const letters = await operator.listDead({ count: limit })
        if (letters.length === 0) return json ? undefined : print("There are no dead letters.")
        if (json) return print(letters.map((letter) => JSON.stringify(letter)).join("\n"))
        print(renderDeadList(letters, { paint: paintFor(process.stdout), nowMs: Date.now() }))
        const more = letters.length < limit ? 0 : (await operator.countDead()) - letters.length
        if (more > 0) printError(`… and ${countOf(more, "more", "more")}: --limit shows them`)
      }),
    )
}

function addShow(dead: Command): void {
  dead
    .command("show")
    .description("Show a dead letter.")
    .argument("<id>", "a job's or a ticket's", parseJobId)
    .option("--json", "print JSON")
    .action((id: string, { json }: JsonOption) =>
      runAdmin(async (deps) => {
        const letter = await findDead(deps, id)
        const paint = paintFor(process.stdout)
        print(json ? JSON.stringify(letter) : renderDead(letter, { paint, nowMs: Date.now() }))
      }),
    )
}

function addRetry(dead: Command): void {
  withIds(dead.command("retry").description("Retry dead letters, with new attempts."))
    .addOption(
      new Option("--deadline <duration>", "fail what is not started within 90s, 15min, 6h")
        .argParser(parseDurationMs)
        .default(HOUR_MS, "1h"),
    )
    .action((ids: string[], options: Which & { deadline: number }) =>
      runAdmin(async (deps, signal) => {
        const chosen = await choose(deps, ids, options)
        if (chosen.length === 0) return
        const what = `Send ${countOf(chosen.length, "dead letter")} again, to be started within ${humanMs(options.deadline)}.`
        // Confirm --all only: the user may not know how many items it covers.
        if (options.all) await confirm(what, { yes: options.yes === true, signal })
        const nowMs = Date.now()
        const done = await retryDead(deps.operator, chosen, { nowMs, deadlineMs: nowMs + options.deadline })
        if (options.json) print(JSON.stringify(done))
        else print(`${countOf(done.queued.length, "job")} back in the queue`)
        reportFailures([
          [done.missing, "not a dead letter"],
          [done.payloadMissing, "cannot be retried: the image has expired"],
        ])
      }),
    )
}

function addDrop(dead: Command): void {
  withIds(dead.command("drop").description("Delete dead letters and their images. Their tickets stay failed.")).action(
    (ids: string[], options: Which) =>
      runAdmin(async (deps, signal) => {
        const chosen = await choose(deps, ids, options)
        if (chosen.length === 0) return
        const what = `Drop ${countOf(chosen.length, "dead letter")} with their images, permanently.`
        await confirm(what, { yes: options.yes === true, signal })
        const done = await dropDead(deps.operator, chosen)
        if (options.json) print(JSON.stringify(done))
        else print(`${countOf(done.dropped.length, "dead letter")} dropped`)
        reportFailures([[done.missing, "not a dead letter"]])
      }),
  )
}

const withIds = (command: Command) => withWhich(command, "[id...]", "jobs' or tickets'")

/** What is meant: the ids given, or all there are. */
async function choose(deps: AdminDeps, ids: readonly string[], which: Which): Promise<string[]> {
  checkWhich(ids, which)
  const chosen = which.all ? await allDeadIds(deps.operator) : await findWork(deps, ids.map(parseJobId))
  if (chosen.length === 0 && !which.json) print("There are no dead letters.")
  return chosen
}

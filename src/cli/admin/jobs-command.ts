import { type Command, Option } from "commander"
import { findJobs, JOB_STATES, type JobFilter, type JobState } from "../../lib/queue/find-jobs.ts"
import type { Job } from "../../lib/queue/job.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { parseCount, parseDurationMs, refuseOtherWords } from "../parse-option.ts"
import { confirm } from "../terminal/confirm.ts"
import { countOf, humanMs } from "../terminal/human-units.ts"
import { type Paint, paintFor, print, printError } from "../terminal/terminal.ts"
import { renderTable } from "../terminal/text-table.ts"
import type { AdminDeps } from "./open-admin.ts"
import { runAdmin } from "./run-admin.ts"

const HELP = `
It connects to the Redis of the local stack, or to UPSTASH_REDIS_REST_URL with UPSTASH_REDIS_REST_TOKEN.
Listed are jobs that wait, are worked on, or used up their attempts (dead), images of batches too. Other jobs that are done
are found by their ticket only, and so are tickets that share the work of another.
A caller is an API key (key:alice) or a network (ip:203.0.113.7).

Examples:
  $ claimcheck jobs --state processing
  $ claimcheck jobs --caller key:alice --older-than 10min --json
  $ claimcheck jobs cancel --model old-model --state queued --yes

Exit codes: 0 done, 1 you did not confirm, 2 the command is invalid, or --yes is missing without a terminal, 130 interrupted.`

type Filters = { state?: JobState; model?: string; caller?: string; olderThan?: number; json?: true }
type CancelOptions = Filters & { all?: true; yes?: true }

export function addJobsCommand(program: Command): void {
  const command = program
    .command("jobs")
    .summary("find jobs by state, model, caller and age; cancel them")
    .description("List jobs that wait, are worked on, or are dead.")
    .enablePositionalOptions()
  withFilters(refuseOtherWords(command), JOB_STATES)
    .option("--limit <n>", "maximum number", parseCount, 50)
    .option("--json", "print one JSON line per job")
    .addHelpText("after", HELP)
    .action((options: Filters & { limit: number }) =>
      runAdmin(async (deps, signal) => {
        const jobs: Job[] = []
        for await (const job of eachJob(deps, options, signal)) if (jobs.push(job) > options.limit) break
        const shown = jobs.slice(0, options.limit)
        if (options.json) {
          for (const job of shown) print(JSON.stringify(job))
          return
        }
        print(shown.length === 0 ? "There are no such jobs." : renderJobs(shown, paintFor(process.stdout), Date.now()))
        if (jobs.length > shown.length) printError("… and more: --limit shows them")
      }),
    )
  withFilters(command.command("cancel"), ["queued", "processing"])
    .summary("cancel the jobs that match")
    .description(
      "Cancel waiting and running jobs: their tickets are canceled, webhooks are sent. Tickets that share their work go on.",
    )
    .option("--all", "all of them, where no filter is given")
    .option("-y, --yes", "do not ask for confirmation")
    .option("--json", "print the outcome as JSON")
    .addHelpText("after", HELP)
    .action((options: CancelOptions) =>
      runAdmin(async (deps, signal) => {
        const { state, model, caller, olderThan, all } = options
        if ([state, model, caller, olderThan, all].every((filter) => filter === undefined))
          throw new CliError("Expected a filter, or --all", { exitCode: EXIT.usage })
        const ids: string[] = []
        for await (const job of eachJob(deps, options, signal)) if (job.state !== "failed") ids.push(job.id)
        if (ids.length > 0)
          await confirm(`Cancel ${countOf(ids.length, "job")}.`, { yes: options.yes === true, signal })
        let canceled = 0
        for (const id of ids) {
          signal.throwIfAborted()
          if ((await deps.store.cancel(id, Date.now())).status === "withdrawn") canceled++
        }
        const finished = ids.length - canceled
        if (options.json) return print(JSON.stringify({ canceled, finished }))
        print(`${countOf(canceled, "job")} canceled${finished === 0 ? "" : `, ${finished} had finished`}`)
      }),
    )
}

const withFilters = (command: Command, states: readonly string[]) =>
  command
    .addOption(new Option("--state <state>", "jobs in this state").choices(states))
    .option("-m, --model <model>", "jobs of this model, or of an operation without one: @resize")
    .option("--caller <caller>", "jobs of this caller: key:alice")
    .option("--older-than <duration>", "jobs that were created at least 90s, 15min, 6h ago", parseDurationMs)

/** Each once: a job that changes its state while pages are read can stand on two of them. */
async function* eachJob(
  { registry, queue }: AdminDeps,
  { state, model, caller, olderThan }: Filters,
  signal: AbortSignal,
): AsyncGenerator<Job> {
  const createdUntilMs = olderThan === undefined ? undefined : Date.now() - olderThan
  const filter: JobFilter = { state, model, caller, createdUntilMs }
  const models = (await registry.read()).models.map(({ id }) => id)
  const seen = new Set<string>()
  for (let cursor: string | null | undefined; cursor !== null; ) {
    signal.throwIfAborted()
    const page = await findJobs(queue, filter, { models, cursor })
    for (const job of page.jobs) if (!seen.has(job.id)) yield job
    for (const { id } of page.jobs) seen.add(id)
    cursor = page.cursor
  }
}

function renderJobs(jobs: readonly Job[], paint: Paint, nowMs: number): string {
  const rows = jobs.map((job) => [
    job.id,
    job.state === "failed" ? "dead" : job.state,
    job.queue,
    humanMs(Math.max(0, nowMs - job.createdMs)),
    `${job.attempts} of ${job.maxAttempts}`,
    job.caller,
    job.state === "processing" ? job.worker : "",
  ])
  return renderTable([["job", "state", "queue", "age", "attempts", "caller", "classifier"], ...rows], paint, {
    right: [3],
  })
}

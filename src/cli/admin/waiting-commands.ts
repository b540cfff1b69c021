import type { Command } from "commander"
import { queuesOfModel } from "../../lib/queue/queue-name.ts"
import { serviceRate } from "../../lib/queue/registry.ts"
import { CliError } from "../cli-error.ts"
import { confirm } from "../terminal/confirm.ts"
import { countOf } from "../terminal/human-units.ts"
import { print } from "../terminal/terminal.ts"
import type { AdminDeps } from "./open-admin.ts"
import { runAdmin } from "./run-admin.ts"

const HELP = `
For jobs of a model that no classifier serves, for example because its folder was removed. It connects to the Redis of
the local stack, or to UPSTASH_REDIS_REST_URL with UPSTASH_REDIS_REST_TOKEN.

Exit codes: 0 done, 1 you did not confirm or the model is not served, 2 the command is invalid, or --yes is missing
without a terminal, 130 interrupted.`

type Options = { yes?: true; json?: true }

/** The commands `queue drop` and `queue move`. */
export function addWaitingCommands(queue: Command): void {
  withAnswers(queue.command("drop"))
    .summary("fail the waiting jobs of a model")
    .description(
      "Fail the waiting jobs of a model: tickets fail with job_dropped, batches are canceled, webhooks are sent.",
    )
    .argument("<model>", "as `claimcheck queue` lists it")
    .action((model: string, options: Options) =>
      runAdmin(async (deps, signal) => {
        const waiting = await findWaiting(deps, model)
        await assertKnown(deps, model, waiting)
        if (waiting.jobs > 0 || waiting.batches.length > 0) {
          await confirm(`Drop ${describe(waiting)} for ${model}.`, { yes: options.yes === true, signal })
        }
        report("dropped", await dropAll(deps, waiting), options)
      }),
    )
  withAnswers(queue.command("move"))
    .summary("move the waiting jobs of a model to another model")
    .description("Move the waiting jobs of a model to another one that is served. Deadlines stay.")
    .argument("<model>", "as `claimcheck queue` lists it")
    .argument("<to>", "a served model")
    .action((model: string, to: string, options: Options) =>
      runAdmin(async (deps, signal) => {
        await assertServed(deps, model, to)
        const waiting = await findWaiting(deps, model)
        await assertKnown(deps, model, waiting)
        if (waiting.jobs > 0 || waiting.batches.length > 0) {
          await confirm(`Move ${describe(waiting)} from ${model} to ${to}.`, { yes: options.yes === true, signal })
        }
        report("moved", await moveAll(deps, waiting, to), options)
      }),
    )
}

const withAnswers = (command: Command) =>
  command
    .option("-y, --yes", "do not ask for confirmation")
    .option("--json", "print the outcome as JSON")
    .addHelpText("after", HELP)

type Batches = Awaited<ReturnType<AdminDeps["batches"]["open"]>>
type Waiting = { queues: string[]; jobs: number; batches: Batches }
type Done = { jobs: number; lists: number }

async function findWaiting({ operator, batches }: AdminDeps, model: string): Promise<Waiting> {
  const queues = model.includes("@") ? [model] : queuesOfModel(model)
  let jobs = 0
  for (const queue of queues) jobs += await operator.countWaiting(queue)
  const open = (await batches.open()).filter(({ plan }) => queues.includes(plan.queue))
  return { queues, jobs, batches: open }
}

/** Batches first, because they refill the queue. */
async function dropAll({ operator, batches }: AdminDeps, waiting: Waiting): Promise<Done> {
  const nowMs = Date.now()
  for (const { plan } of waiting.batches) while ((await batches.end(plan.id, "canceled", nowMs)).inFlight > 0);
  for (const queue of waiting.queues) await operator.dropWaiting(queue, nowMs)
  return { jobs: waiting.jobs, lists: waiting.batches.length }
}

async function moveAll({ operator, batches }: AdminDeps, waiting: Waiting, to: string): Promise<Done> {
  const [uploads = to, urls = to] = queuesOfModel(to)
  const target = (queue: string) => ({ model: to, queue: queue.endsWith("@url") ? urls : uploads })
  for (const batch of waiting.batches) await batches.moveTo(batch, target(batch.plan.queue))
  let jobs = 0
  for (const queue of waiting.queues) jobs += await operator.moveWaiting(queue, target(queue), Date.now())
  return { jobs, lists: waiting.batches.length }
}

/** A model without waiting jobs that was never served is a typo. */
async function assertKnown({ registry }: AdminDeps, model: string, { jobs, batches }: Waiting): Promise<void> {
  if (jobs > 0 || batches.length > 0 || model.startsWith("@")) return
  const ids = (await registry.read()).models.map(({ id }) => id)
  if (ids.includes(model.replace(/@url$/, ""))) return
  const known = ids.length === 0 ? "" : `; there are ${ids.join(", ")}`
  throw new CliError(`There is no model ${model}, and nothing waits for it${known}`, { code: "unknown_model" })
}

async function assertServed({ registry }: AdminDeps, model: string, to: string): Promise<void> {
  const snapshot = await registry.read()
  const isServed = (id: string) => serviceRate(snapshot, id, { nowMs: Date.now() }).classifiers > 0
  if (model.startsWith("@")) throw new CliError(`Cannot move ${model}: it is the queue of an operation, not of a model`)
  if (model.replace(/@url$/, "") === to) throw new CliError(`Cannot move ${model} to itself`)
  if (isServed(to)) return
  const served = snapshot.models.map(({ id }) => id).filter(isServed)
  const known = served.length === 0 ? "no classifier serves any" : `there are ${served.join(", ")}`
  throw new CliError(`Cannot move to ${to}: no classifier serves it now; ${known}`, { code: "unknown_model" })
}

function describe({ jobs, batches }: Waiting): string {
  const lists = batches.length === 0 ? "" : ` and the rest of ${countOf(batches.length, "list")}`
  return `${countOf(jobs, "job")}${lists}`
}

function report(verb: "dropped" | "moved", { jobs, lists }: Done, { json }: Options): void {
  if (json) print(JSON.stringify({ [verb]: jobs, lists }))
  else print(`${countOf(jobs, "job")} ${verb}${lists === 0 ? "" : `, ${countOf(lists, "list")} ${verb}`}`)
}

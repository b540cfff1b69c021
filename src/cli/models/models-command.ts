import type { Command } from "commander"
import { z } from "zod"
import { isQueueOf, withAdmin } from "../admin/open-admin.ts"
import { createApi, parseBody } from "../api/api.ts"
import { type EdgeOptions, withEdgeOptions } from "../api/edge-options.ts"
import { CliError } from "../cli-error.ts"
import { interruptible } from "../interrupted.ts"
import { refuseOtherWords } from "../parse-option.ts"
import { paintFor, print } from "../terminal/terminal.ts"
import { renderTable } from "../terminal/text-table.ts"
import { addCheckCommand } from "./check-command.ts"
import { addPullCommand } from "./pull-command.ts"

const HELP = `
Examples:
  $ claimcheck models
  $ claimcheck models --json | jq -r '.models[].id'
  $ claimcheck models pull mobilenet_v2
  $ claimcheck models check models/my-model --picture photo.jpg`

const modelsSchema = z.looseObject({
  models: z.array(
    z.looseObject({
      id: z.string(),
      version: z.string(),
      input: z.unknown(),
      labels: z.number().nullish(),
      engine: z.looseObject({ name: z.string(), plan: z.boolean(), reason: z.string().optional() }).optional(),
    }),
  ),
  unserved: z.array(z.looseObject({ id: z.string(), last_seen: z.string() })).default([]),
})

/** A model folder that classifiers cannot serve as it is. */
type Broken = { id: string; code: string; message: string; classifiers: number }

export function addModelsCommand(program: Command): void {
  const command = program
    .command("models")
    .summary("list served models; check a folder, or pull a model")
    .description("List the models that classifiers serve, and broken model folders with the reason.")
    // What follows the name of a subcommand is that one's.
    .enablePositionalOptions()
  refuseOtherWords(withEdgeOptions(command))
    .addHelpText("after", HELP)
    .action(async (options: EdgeOptions) => {
      const get = createApi(options)
      await interruptible(async (signal) => {
        const body = await get("/v1/models", { signal })
        const listed = parseBody(modelsSchema, body)
        const broken = isQueueOf(options.url, process.env) ? await readBroken() : []
        print(options.json ? JSON.stringify({ ...listed, broken }) : renderModels(listed, broken))
      })
    })
  addCheckCommand(command)
  addPullCommand(command)
}

/** The reasons name folders on the classifiers' disks: they are for operators, not for callers of the API. */
async function readBroken(): Promise<Broken[]> {
  try {
    const { workers } = await withAdmin(({ registry }) => registry.read())
    const found = new Map<string, Broken>()
    for (const { untilMs, broken } of workers) {
      if (untilMs < Date.now()) continue
      for (const folder of broken) {
        const known = found.get(`${folder.id} ${folder.message}`)
        found.set(`${folder.id} ${folder.message}`, { ...folder, classifiers: (known?.classifiers ?? 0) + 1 })
      }
    }
    return [...found.values()]
  } catch (error) {
    // Without access to Redis, list only what the edge reports.
    if (error instanceof CliError) return []
    throw error
  }
}

function renderModels({ models, unserved }: z.infer<typeof modelsSchema>, broken: readonly Broken[]): string {
  const paint = paintFor(process.stdout)
  const rows = models.map(({ id, version, input, labels, engine }) => {
    return [id, version, describeInput(input), String(labels ?? ""), engine?.name ?? ""]
  })
  const table = renderTable([["model", "version", "input", "labels", "engine"], ...rows], paint, { right: [2, 3] })
  const notes = [
    ...models.flatMap(({ id, engine }) => {
      return engine?.reason ? [`${paint("yellow", "as TF.js loads it")} ${id}: ${engine.reason}`] : []
    }),
    ...unserved.map(({ id, last_seen: seen }) => `${paint("yellow", "not served")} ${id}: last seen ${seen}`),
    ...broken.map(({ id, code, message }) => `${paint("red", "broken")} ${id}: ${message} (${code})`),
  ]
  const heading = models.length === 0 ? "No classifier is serving a model just now." : table
  return [heading, ...(notes.length === 0 ? [] : ["", ...notes])].join("\n")
}

function describeInput(input: unknown): string {
  const { width, height } = (typeof input === "object" && input !== null ? input : {}) as Record<string, unknown>
  return width === undefined ? "" : `${String(width)}×${String(height)}`
}

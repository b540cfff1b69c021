import type { Command } from "commander"
import { z } from "zod"
import { createApi, parseBody } from "../api.ts"
import { type EdgeOptions, withEdgeOptions } from "../edge-options.ts"
import { interruptible } from "../interrupted.ts"
import { paintFor, print } from "../terminal.ts"
import { renderTable } from "../text-table.ts"
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
    z.looseObject({ id: z.string(), version: z.string(), input: z.unknown(), labels: z.number().nullish() }),
  ),
})

export function addModelsCommand(program: Command): void {
  const command = program
    .command("models")
    .summary("list the models that are served; check a folder, or pull a model")
    .description("List the models that live classifiers serve.")
    // What follows the name of a subcommand is that one's.
    .enablePositionalOptions()
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action(async (options: EdgeOptions) => {
      const get = createApi(options)
      await interruptible(async (signal) => {
        const body = await get("/v1/models", { signal })
        print(options.json ? JSON.stringify(body) : renderModels(parseBody(modelsSchema, body)))
      })
    })
  addCheckCommand(command)
  addPullCommand(command)
}

function renderModels({ models }: z.infer<typeof modelsSchema>): string {
  if (models.length === 0) return "No classifier is serving a model just now."
  const rows = models.map(({ id, version, input, labels }) => [id, version, describeInput(input), String(labels ?? "")])
  return renderTable([["model", "version", "input", "labels"], ...rows], paintFor(process.stdout), { right: [2, 3] })
}

function describeInput(input: unknown): string {
  const { width, height } = (typeof input === "object" && input !== null ? input : {}) as Record<string, unknown>
  return width === undefined ? "" : `${String(width)}×${String(height)}`
}

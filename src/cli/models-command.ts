import type { Command } from "commander"
import { z } from "zod"
import { createApi, parseBody } from "./api.ts"
import { type EdgeOptions, withEdgeOptions } from "./edge-options.ts"
import { interruptible } from "./interrupted.ts"
import { paintFor, print } from "./terminal.ts"
import { renderTable } from "./text-table.ts"

const HELP = `
Examples:
  $ claimcheck models
  $ claimcheck models --json | jq -r '.models[].id'`

const modelsSchema = z.looseObject({
  models: z.array(
    z.looseObject({ id: z.string(), version: z.string(), input: z.unknown(), labels: z.number().nullish() }),
  ),
})

export function addModelsCommand(program: Command): void {
  const command = program
    .command("models")
    .summary("list the models that are served")
    .description("List the models that live classifiers serve.")
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action(async (options: EdgeOptions) => {
      const get = createApi(options)
      await interruptible(async (signal) => {
        const body = await get("/v1/models", { signal })
        print(options.json ? JSON.stringify(body) : renderModels(parseBody(modelsSchema, body)))
      })
    })
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

import { type Command, InvalidArgumentError } from "commander"
import { type CallApi, createApi } from "./api.ts"
import { classifyFile } from "./classify.ts"
import { CliError, describe } from "./cli-error.ts"
import { type EdgeOptions, withEdgeOptions } from "./edge-options.ts"
import { interruptible } from "./interrupted.ts"
import { renderPredictions } from "./prediction-table.ts"
import { paintFor, print, printError, survivesGoneReader } from "./terminal.ts"

const HELP = `
Examples:
  $ claimcheck classify photo.jpg
  $ claimcheck classify --model mobilenet_v2 --top-k 3 *.jpg
  $ claimcheck classify --json photo.jpg | jq -r '.predictions[0].label'

Exit codes: 0 every file was classified, 1 at least one was not, 2 the command was not understood, 130 interrupted.`

type Options = EdgeOptions & { model?: string; topK?: number }

export function addClassifyCommand(program: Command): void {
  const command = program
    .command("classify")
    .summary("classify pictures")
    .description("Upload pictures, wait for their tickets, and print what is on them.")
    .argument("<file...>", "JPEG or PNG files")
    .option("--model <id>", "model to classify with (default: the server's)")
    .option("--top-k <n>", "how many predictions (default: 5)", parseCount)
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action(async (files: string[], options: Options) => {
      const call = createApi(options)
      survivesGoneReader(() => process.exit())
      await interruptible((signal) => classifyAll(call, files, { ...options, signal }))
    })
}

async function classifyAll(call: CallApi, files: string[], options: Options & { signal: AbortSignal }): Promise<void> {
  let failed = 0
  for (const file of files) {
    try {
      const { signal, model, topK } = options
      const ticket = await classifyFile(call, file, { signal, model, topK })
      const table = { paint: paintFor(process.stdout), columns: process.stdout.columns ?? 80 }
      print(options.json ? JSON.stringify({ file, ...ticket }) : renderPredictions(file, ticket, table))
    } catch (error) {
      if (options.signal.aborted || !(error instanceof CliError)) throw error
      failed++
      report(file, error, options.json === true)
    }
  }
  // Each failure is told where it happened; the exit code is all that is left to say.
  if (failed > 0) process.exitCode = 1
}

function report(file: string, error: CliError, json: boolean): void {
  if (json) print(JSON.stringify({ file, error: { code: error.code ?? "failed", message: describe(error) } }))
  else printError(`${paintFor(process.stderr)("red", "error")} ${file}: ${describe(error)}`)
}

function parseCount(value: string): number {
  const count = Number(value)
  if (Number.isInteger(count) && count > 0) return count
  throw new InvalidArgumentError("Expected a whole number from 1.")
}

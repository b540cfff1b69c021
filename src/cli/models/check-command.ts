import type { Command } from "commander"
import { EXIT } from "../cli-error.ts"
import { readImageFile } from "../files/read-image-file.ts"
import { interruptible } from "../interrupted.ts"
import { parseCount } from "../parse-option.ts"
import { humanBytes, humanMs } from "../terminal/human-units.ts"
import { bar, percent } from "../terminal/prediction-table.ts"
import { type Paint, paintFor, print, printError } from "../terminal/terminal.ts"
import { renderTable } from "../terminal/text-table.ts"
import { type CheckReport, runCheck } from "./run-check.ts"

const HELP = `
Loads the folder like a classifier, and prints each setting with its source. Needs no server.

Examples:
  $ claimcheck models check models/my-model --picture photo.jpg
  $ claimcheck models check ~/Downloads/tm-my-image-model --json | jq .facts

Exit codes: 0 the model can be served, 1 it cannot, 2 the command is invalid, 130 interrupted.`

type Options = { picture?: string; runs?: number; json?: true }

export function addCheckCommand(models: Command): void {
  models
    .command("check")
    .summary("load a model folder, run it, and print what was found")
    .description("Load a model folder, classify an image, and print its settings, speed and memory.")
    .argument("<folder>", "folder of the model")
    .option("--picture <file>", "image to classify (default: a generated one)")
    .option("--runs <n>", "number of runs to time (default: 10)", parseCount)
    .option("--json", "print the report as JSON")
    .addHelpText("after", HELP)
    .action((folder: string, options: Options) =>
      interruptible(async (signal) => {
        if (options.picture !== undefined) await readImageFile(options.picture)
        const report = await runCheck(folder, { ...options, signal })
        if (options.json) print(JSON.stringify(report))
        else if (report.ok) print(renderReport(report, paintFor(process.stdout)))
        else printError(`${paintFor(process.stderr)("red", "error")} ${folder}: ${report.message} (${report.code})`)
        if (!report.ok) process.exitCode = EXIT.failed
      }),
    )
}

export function renderReport(report: Extract<CheckReport, { ok: true }>, paint: Paint): string {
  const { picture, memory } = report
  const facts = report.facts.map(({ what, value, from }) => [what, value, from])
  const perSecond = 1_000 / (picture.decodeMs + picture.inferMs)
  const predictions = picture.predictions.map(({ label, probability }) => {
    return `  ${label.slice(0, 40).padEnd(24)}  ${paint("cyan", bar(probability, 20).padEnd(20))}  ${percent(probability)}`
  })
  const times = `decode ${humanMs(picture.decodeMs)}, infer ${humanMs(picture.inferMs)} (median of ${picture.runs})`
  return [
    `${paint("green", "ok")} ${paint("bold", report.id)} can be served`,
    renderTable([["what", "found", "where"], ...facts], paint),
    "",
    ...predictions,
    `speed   ${times}, ${perSecond.toFixed(1)} images/s on one lane; loaded in ${humanMs(report.loadMs)}`,
    `memory  model ${humanBytes(memory.weightBytes)}, WASM heap ${humanBytes(memory.wasmBytes)}, process ${humanBytes(memory.processBytes)}`,
  ].join("\n")
}

import type { Command } from "commander"
import { withEdgeOptions } from "../api/edge-options.ts"
import { interruptible } from "../interrupted.ts"
import { parseCount, parseProbability } from "../parse-option.ts"
import { type EvaluateOptions, evaluate } from "./evaluate.ts"

const HELP = `
Examples:
  $ claimcheck evaluate held-out/ --model pets        held-out/cat/*.jpg, held-out/dog/*.jpg: a folder for each class
  $ claimcheck evaluate held-out/ --model pets --report report.html
  $ claimcheck evaluate held-out/ --model pets --min-accuracy 0.9
  $ claimcheck evaluate held-out/ --model pets --compare pets-old
  $ claimcheck evaluate held-out/ --model pets --json | jq .top1.value

Folders are matched to the model's labels whatever their case. Images that cannot be read are skipped and counted.

With --json, one line: {"model", "version", "pictures", "skipped", "top1", "top5", "per_class", "confusion", …}.

Exit codes: 0 success, 1 it failed or the accuracy is below --min-accuracy, 2 the command is invalid, 130 interrupted.`

export function addEvaluateCommand(program: Command): void {
  const command = program
    .command("evaluate")
    .summary("measure how good a model is on folders of images")
    .description("Ask a served model about images whose class is known: a folder for each class, named by its label.")
    .argument("<folder>", "folder with a folder for each class")
    .requiredOption("--model <id>", "model to ask")
    .option("--report <file>", "write a page with the confusion matrix and the images: report.html")
    .option("--min-accuracy <share>", "exit with 1 when the accuracy is below: 0.9", parseProbability)
    .option("--compare <id>", "ask another model about the same images, and say whether the difference may be luck")
    .option("-c, --concurrency <n>", "uploads at once", parseCount, 8)
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action((folder: string, options: EvaluateOptions) =>
      interruptible((signal) => evaluate(folder, { ...options, signal })),
    )
}

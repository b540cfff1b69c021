import { type Command, InvalidArgumentError } from "commander"
import { withEdgeOptions } from "../api/edge-options.ts"
import { interruptible } from "../interrupted.ts"
import { parseCount } from "../parse-option.ts"
import { EMBEDDED_MODEL } from "./base-model.ts"
import { cacheFolder } from "./feature-cache.ts"
import { type TrainOptions, train } from "./train.ts"

const HELP = `
Examples:
  $ claimcheck train pets/ --name pets        pets/cat/*.jpg, pets/dog/*.jpg: a folder for each class
  $ claimcheck train pets/ --name pets --holdout 0.2
  $ claimcheck train pets/ --name pets --val held-out/
  $ claimcheck classify --model pets new.jpg

Writes a model folder that running classifiers serve within seconds. Features of images are kept in
${cacheFolder()}: a run that was broken off goes on, and another image is asked for alone.

Exit codes: 0 success, 1 it failed, 2 the command is invalid, 130 interrupted.`

export function addTrainCommand(program: Command): void {
  const command = program
    .command("train")
    .summary("make a model from folders of images")
    .description("Make a model from folders of images: a folder for each class, named by what its images show.")
    .argument("<folder>", "folder with a folder for each class")
    .requiredOption("--name <id>", "name of the new model", parseName)
    .option("-o, --out <folder>", "folder of model folders (default: models, which a local stack serves)")
    .option("--base <model>", "model whose network is used, or its folder", EMBEDDED_MODEL)
    .option("--holdout <share>", "measure the accuracy on a share of the images that is held back: 0.2", parseShare)
    .option("--val <folder>", "measure the accuracy on the images of another folder with the same classes")
    .option("--seed <n>", "decides which images are held back, and the folds", parseSeed, 0)
    .option(
      "--reject [share]",
      'say "none of these" of unsure answers, as for this share of known images (default: 0.05)',
      parseShare,
    )
    .option("-c, --concurrency <n>", "uploads at once", parseCount, 8)
    .option("--force", "overwrite a model folder that was not made by train")
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action((folder: string, options: TrainOptions) => interruptible((signal) => train(folder, { ...options, signal })))
}

function parseName(value: string): string {
  // What a classifier takes as the name of a model's folder.
  if (/^[a-z0-9][a-z0-9_.-]{0,63}$/i.test(value)) return value
  throw new InvalidArgumentError('Expected at most 64 letters, digits, ".", "_" and "-".')
}

function parseShare(value: string): number {
  const share = Number(value)
  if (share > 0 && share < 1) return share
  throw new InvalidArgumentError("Expected a number between 0 and 1, such as 0.2.")
}

function parseSeed(value: string): number {
  const seed = Number(value)
  if (Number.isSafeInteger(seed) && seed >= 0 && value.trim() !== "") return seed
  throw new InvalidArgumentError("Expected a whole number from 0.")
}

import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { type Command, Option } from "commander"
import { checkUrl } from "../api/edge-client.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { interruptible } from "../interrupted.ts"
import { modelsFolder, packageRoot } from "../package-root.ts"
import { humanBytes } from "../terminal/human-units.ts"
import { type Progress, showProgress } from "../terminal/progress.ts"
import { paintFor, print, printError } from "../terminal/terminal.ts"
import { renderTable } from "../terminal/text-table.ts"
import { CATALOGUE, type CatalogueRow, PUBLISHER } from "./catalogue.ts"
import { type Pulled, pullModel } from "./pull-model.ts"
import { runCheck } from "./run-check.ts"

const HELP = `
Without a name it lists the available models. Models are saved in models/ (or the first folder of CLAIMCHECK_MODELS), where
classifiers find them at once. The first pull writes the hashes to models.lock.json; later pulls with other bytes are refused.
An interrupted pull resumes where it stopped.

Examples:
  $ claimcheck models pull
  $ claimcheck models pull mobilenet_v2
  $ claimcheck models pull mobilenet_v2 --from https://mirror.example.com/tfjs-models/ --into /srv/models

Exit codes: 0 success, 1 failure, 2 the command is invalid, 130 interrupted.`

type Options = { from: string; into?: string; force?: true; json?: true }

export function addPullCommand(models: Command): void {
  models
    .command("pull")
    .summary("download a known model by name")
    .description("Download a known model from its publisher, check it, and save it where classifiers find it.")
    .argument("[name]", "name of the model")
    .addOption(new Option("--from <url>", "address of a mirror").env("CLAIMCHECK_MODELS_URL").default(PUBLISHER))
    .option("--into <folder>", "parent folder of models")
    .option("--force", "replace an existing folder")
    .option("--json", "print what was pulled as JSON")
    .addHelpText("after", HELP)
    .action((name: string | undefined, options: Options) =>
      interruptible(async (signal) => {
        if (name === undefined) return print(options.json ? JSON.stringify(CATALOGUE) : renderCatalogue())
        const pulled = await pullByName(name, options, signal)
        if (options.json) print(JSON.stringify(pulled))
        else
          print(pulled.status === "present" ? `${pulled.folder} is there, as it was pulled` : `pulled ${pulled.folder}`)
      }),
    )
}

async function pullByName(name: string, options: Options, signal: AbortSignal): Promise<Pulled> {
  const row = CATALOGUE.find((candidate) => candidate.name === name)
  if (!row) {
    const names = CATALOGUE.map((candidate) => candidate.name).join(", ")
    throw new CliError(`There is no model ${name} to pull; there are ${names}`, { exitCode: EXIT.usage })
  }
  const base = `${checkUrl(options.from)}/`
  const into = options.into ?? process.env.CLAIMCHECK_MODELS?.split(":").find(Boolean) ?? modelsFolder()
  say(row, { base, into })
  let progress: Progress | undefined
  try {
    return await pullModel({
      row,
      base,
      into,
      force: options.force === true,
      imagenet: await readImagenet(),
      check: (folder) => loadOnce(folder, row.name, signal),
      onSize: (bytes) => {
        progress = showProgress(bytes, { show: humanBytes })
      },
      onBytes: (bytes) => progress?.update(bytes),
      signal,
    })
  } finally {
    progress?.stop()
  }
}

function say(row: CatalogueRow, { base, into }: { base: string; into: string }): void {
  const paint = paintFor(process.stderr)
  printError(`${paint("bold", row.name)}  ${row.title}`)
  printError(`  from     ${new URL(row.path, base).href}`)
  printError(`  into     ${join(into, row.name)}`)
  printError(`  size     about ${humanBytes(row.aboutBytes)}`)
  printError(`  licence  ${row.licence}`)
}

/** Checks that the downloaded model can be served. */
async function loadOnce(folder: string, id: string, signal: AbortSignal): Promise<void> {
  const report = await runCheck(folder, { id, runs: 1, signal })
  if (!report.ok) throw new CliError(`The downloaded model cannot be served: ${report.message}`, { code: report.code })
}

/** The labels of ImageNet's classes in their usual order, from the included model. */
async function readImagenet(): Promise<string[]> {
  const text = await readFile(join(packageRoot(), "models/efficientnet_lite0/labels.txt"), "utf8")
  return text.trimEnd().split("\n")
}

function renderCatalogue(): string {
  const rows = CATALOGUE.map((row) => [row.name, humanBytes(row.aboutBytes), row.licence, row.title])
  return renderTable([["name", "about", "licence", "what"], ...rows], paintFor(process.stdout), { right: [1] })
}

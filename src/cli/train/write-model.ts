import { mkdir, rm, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { replaceHead, shardsOf } from "../../lib/training/replace-head.ts"
import type { TrainedHead } from "../../lib/training/train-head.ts"
import type { Interval } from "../../lib/training/wilson.ts"
import { CliError } from "../cli-error.ts"
import { installFolder, mendInstall } from "../models/install-folder.ts"
import { runCheck } from "../models/run-check.ts"
import { type BaseModel, readBase, sayWhyNot } from "./base-model.ts"

/** What tells a folder that was trained from one that somebody made. */
export const CARD_FILE = "training.json"

export type Accuracy = Interval & { how: "cross-validation" | "holdout" | "val" }

export type Training = {
  name: string
  base: BaseModel & { version: string }
  classes: readonly { label: string; pictures: number }[]
  accuracy: Accuracy
  /** Pictures that the accuracy was measured on. */
  asked: number
  skipped: number
  seed: number
  trained: Pick<TrainedHead, "head" | "l2" | "folds" | "rejectBelow">
}

/**
 * Writes a model folder beside its place, has it checked as `models check` does, and puts it there at once. Returns its version.
 * @throws CliError for a base that has no dense layer at its end, and for a model that cannot be served
 */
export async function writeModel(training: Training, into: string, signal: AbortSignal): Promise<string> {
  const { name } = training
  const draft = join(into, `.${name}.draft`)
  await mkdir(into, { recursive: true })
  await mendInstall(join(into, name))
  await rm(draft, { recursive: true, force: true })
  try {
    for (const [file, content] of await filesOf(training)) {
      await mkdir(dirname(join(draft, file)), { recursive: true })
      await writeFile(join(draft, file), content)
    }
    const report = await runCheck(draft, { id: name, runs: 1, signal })
    if (!report.ok) throw new CliError(`Cannot serve the model: ${report.message}`, { code: report.code })
    signal.throwIfAborted()
    await installFolder(draft, join(into, name))
    return report.version
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

async function filesOf(training: Training): Promise<Map<string, string | Uint8Array>> {
  const { base, classes, trained, name } = training
  const { saved, manifest, sidecars } = await readBase(base)
  const made = sayWhyNot(base, () => replaceHead(saved, trained.head))
  const { language: _language, ...kept } = manifest
  const own = {
    ...kept,
    name,
    description: `${classes.length} classes, trained with claimcheck on the features of ${base.id}`,
    labels: classes.map(({ label }) => label),
    output: "probabilities",
    source: `claimcheck train, on ${base.id} ${base.version}`,
    ...(trained.rejectBelow !== undefined && { unknown_below: trained.rejectBelow }),
  }
  return new Map<string, string | Uint8Array>([
    ...sidecars,
    ["claimcheck.json", `${JSON.stringify(own, null, 2)}\n`],
    [String(manifest.model), JSON.stringify(made.json)],
    ...shardsOf(made),
    [CARD_FILE, `${JSON.stringify(cardOf(training), null, 2)}\n`],
    ["README.md", readmeOf(training)],
  ])
}

function cardOf({ base, classes, accuracy, asked, skipped, seed, trained }: Training) {
  const { l2, folds, rejectBelow } = trained
  return {
    base: { id: base.id, version: base.version },
    classes: Object.fromEntries(classes.map(({ label, pictures }) => [label, pictures])),
    accuracy: { ...accuracy, pictures: asked },
    skipped,
    fit: { l2, folds, seed, ...(rejectBelow !== undefined && { unknown_below: rejectBelow }) },
  }
}

const HOW: Record<Accuracy["how"], string> = {
  "cross-validation": "each image classified by a model fitted without it",
  holdout: "images held back from the fit",
  val: "images of another folder",
}

function readmeOf({ name, base, classes, accuracy, asked, skipped, seed, trained }: Training): string {
  const pictures = classes.reduce((sum, own) => sum + own.pictures, 0)
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`
  const { value, low, high, how } = accuracy
  const rows = classes.map(
    ({ label, pictures }) => `| ${label.replaceAll("|", "\\|").replaceAll("\n", " ")} | ${pictures} |`,
  )
  return `# ${name}

A classifier made by \`claimcheck train\` from folders of images: the network of ${base.id} (version ${base.version}) with a last layer of its own.

| | |
|---|---|
| accuracy | ${percent(value)} (95 % interval ${percent(low)} to ${percent(high)}), ${HOW[how]}: ${asked} images |
| learned from | ${pictures} images; ${skipped} more were skipped |
| fit | softmax regression, L2 ${trained.l2} chosen in ${trained.folds} folds, seed ${seed} |
| "none of these" | ${trained.rejectBelow === undefined ? "not set" : `below ${trained.rejectBelow}`} |

| class | images |
|---|---|
${rows.join("\n")}

The licence of ${base.id} applies to its network; the images stay with whoever owns them.
`
}

import type { Claimcheck, TicketData } from "../../lib/client/claimcheck.ts"
import type { GetJson } from "../api/api.ts"
import { classifyFiles, type Outcome } from "../classify/classify-files.ts"
import { CliError } from "../cli-error.ts"
import { showProgress } from "../terminal/progress.ts"
import { progressNote } from "../terminal/progress-note.ts"
import { type ClassFolder, some } from "../train/class-folders.ts"
import { BAD_PICTURE, type Skipped } from "../train/gather-features.ts"
import { servedModel } from "../train/served-model.ts"

export type Answer = { file: string; expected: string; predictions: Prediction[]; isUnknown: boolean }
type Prediction = { label: string; probability: number }

/** The version of a model, its classes that there are folders of, and what else the folder has. */
export type Matched = { id: string; version: string; classes: ClassFolder[]; unlabelled: string[] }

export type Asking = {
  client: Claimcheck
  get: GetJson
  url: string
  key?: string | undefined
  concurrency: number
  signal: AbortSignal
}

/** The most predictions that a ticket has. */
const MAX_PREDICTIONS = 1_000
/** Asked for with a threshold of 0: a model of several labels keeps what it is unsure of to itself otherwise. */
const TOP = 5

/** As labels and folders are compared. */
export const sameCase = (label: string) => label.normalize("NFC").toLowerCase()

/**
 * Finds the classes of a model that there are folders of, whatever the case of their names. Which labels it has is read from all
 * predictions for one image; of a model with more than a thousand, each folder is taken for a class.
 * @throws CliError for a model that is not served, and when no folder is a class of it
 */
export async function matchClasses(
  named: { id: string; option: string },
  folders: readonly ClassFolder[],
  asking: Asking,
): Promise<Matched> {
  const { version, labels: count } = await servedModel(asking.get, named, asking.signal)
  const all = count > MAX_PREDICTIONS ? null : await readLabels(named.id, count, folders, asking)
  const byCase = new Map(all?.map((label) => [sameCase(label), label]))
  const classes = new Map<string, ClassFolder>()
  const unlabelled: string[] = []
  for (const { label: name, files } of folders) {
    const label = all === null ? name : byCase.get(sameCase(name))
    if (label === undefined) unlabelled.push(name)
    else classes.set(sameCase(label), { label, files: [...(classes.get(sameCase(label))?.files ?? []), ...files] })
  }
  if (classes.size > 0) return { id: named.id, version, classes: [...classes.values()], unlabelled }
  const message = `No folder is a class of ${named.id}: there are ${some(unlabelled)}; its labels are ${some(all ?? [])}`
  throw new CliError(message, { code: "no_class" })
}

async function readLabels(id: string, count: number, folders: readonly ClassFolder[], asking: Asking) {
  for (const file of folders.flatMap(({ files }) => files)) {
    let labels: string[] | undefined
    const tell = (outcome: Outcome) => {
      if ("ticket" in outcome) labels = outcome.ticket.predictions?.map(({ label }) => label)
      else throwUnlessPictures(outcome, asking.signal)
    }
    await classifyFiles(
      asking.client,
      [file],
      { ...asking, submit: { model: id, topK: count, threshold: 0 } },
      { ...SILENT, tell },
    )
    if (labels !== undefined) return labels
  }
  throw new CliError("Cannot evaluate: no image can be read")
}

/** Asks a model about each image of its classes. Images that cannot be read are skipped. @throws CliError for other trouble */
export async function askModel(
  { id, version, classes }: Matched,
  asking: Asking,
  answers: Answer[],
): Promise<Skipped[]> {
  const expected = new Map(classes.flatMap(({ label, files }) => files.map((file) => [file, label])))
  const files = [...expected.keys()]
  const skipped: Skipped[] = []
  const progress = showProgress(files.length)
  const startedMs = performance.now()
  let done = 0
  const take = (outcome: Outcome) => {
    if ("ticket" in outcome)
      answers.push({ ...answerOf(outcome.ticket, { id, version }), ...fileOf(outcome, expected) })
    else skipped.push({ file: outcome.file, reason: throwUnlessPictures(outcome, asking.signal).message })
    const note = { done: ++done, failed: skipped.length, total: files.length, ms: performance.now() - startedMs }
    progress.update(done, progressNote(note))
  }
  try {
    await classifyFiles(
      asking.client,
      files,
      { ...asking, submit: { model: id, topK: TOP, threshold: 0 } },
      { ...SILENT, done: take },
    )
  } finally {
    progress.stop()
  }
  return skipped
}

const SILENT = {
  tell: () => undefined,
  done: () => undefined,
  accepted: () => undefined,
  seen: () => undefined,
  shrunk: () => undefined,
}

const fileOf = ({ file }: Outcome, expected: ReadonlyMap<string, string>) => ({
  file,
  expected: expected.get(file) ?? "",
})

function answerOf(ticket: TicketData, { id, version }: { id: string; version: string }) {
  if (ticket.model?.version !== version) {
    throw new CliError(`The server has another version of ${id} by now: run the command again`)
  }
  return { predictions: ticket.predictions ?? [], isUnknown: ticket.unknown === true }
}

/** Trouble of one image is returned, any other ends the command. */
function throwUnlessPictures(outcome: Outcome, signal: AbortSignal): CliError {
  signal.throwIfAborted()
  const { file, error } = outcome as Extract<Outcome, { error: CliError }>
  if (error.code === "unreadable" || BAD_PICTURE.has(error.code ?? "")) return error
  throw new CliError(`${file}: ${error.message}`, { code: error.code, cause: error })
}

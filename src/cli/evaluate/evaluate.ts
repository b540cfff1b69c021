import { access, constants, stat } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { createApi } from "../api/api.ts"
import { openClient } from "../api/edge-client.ts"
import type { EdgeOptions } from "../api/edge-options.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { percent } from "../terminal/prediction-table.ts"
import { paintFor, print, printError } from "../terminal/terminal.ts"
import { readClassFolders } from "../train/class-folders.ts"
import { saySkipped } from "../train/train.ts"
import { type Answer, type Asking, askModel, type Matched, matchClasses } from "./ask-model.ts"
import { compare, type Evaluated, isFirstRight, judge } from "./judge.ts"
import { renderEvaluation, toJson } from "./render-evaluation.ts"
import { writeReport } from "./write-report.ts"

export type EvaluateOptions = EdgeOptions & {
  model: string
  report?: string
  minAccuracy?: number
  compare?: string
  concurrency: number
}

/** Asks a model about images whose class is known, and says how good it is. @throws CliError */
export async function evaluate(folder: string, options: EvaluateOptions & { signal: AbortSignal }): Promise<void> {
  const { url, key, signal, report, json, minAccuracy } = options
  if (report !== undefined) await assertWritable(report)
  const folders = await readClassFolders(folder, printError, { task: "evaluate", atLeast: 1 })
  const client = await openClient({ url, key }, { signal })
  const asking: Asking = { ...options, client, get: createApi({ url, key }) }
  const matched = await matchClasses({ id: options.model, option: "--model" }, folders, asking)
  const other =
    options.compare === undefined
      ? null
      : await matchClasses({ id: options.compare, option: "--compare" }, matched.classes, asking)
  sayUnlabelled(matched)
  if (other) sayUnlabelled(other)
  const { answers, skipped } = await askAll(matched, asking)
  saySkipped(skipped)
  if (answers.length === 0) throw new CliError("Cannot evaluate: no image can be read")
  const evaluated: Evaluated = {
    ...judge(matched, answers),
    skipped: skipped.length,
    ...(other && { comparison: compare(answers, (await askAll(other, asking)).answers, other) }),
  }
  if (report !== undefined) await writeReport(report, evaluated, signal)
  const columns = process.stdout.columns ?? 80
  print(
    json
      ? JSON.stringify(toJson(evaluated))
      : renderEvaluation(evaluated, { paint: paintFor(process.stdout), columns }),
  )
  if (report !== undefined) printError(`The images are in ${report}`)
  const { value } = evaluated.evaluation.top1
  if (minAccuracy === undefined || value >= minAccuracy) return
  printError(`The accuracy is ${percent(value)}, and --min-accuracy asks for ${percent(minAccuracy)}`)
  process.exitCode = EXIT.failed
}

/** Answers in the order of the files. Ctrl-C says what was seen by then. */
async function askAll(matched: Matched, asking: Asking) {
  const answers: Answer[] = []
  const order = new Map(matched.classes.flatMap(({ files }) => files).map((file, index) => [file, index]))
  try {
    const skipped = await askModel(matched, asking, answers)
    answers.sort((a, b) => (order.get(a.file) ?? 0) - (order.get(b.file) ?? 0))
    return { answers, skipped }
  } catch (error) {
    const right = answers.filter(isFirstRight).length
    if (asking.signal.aborted)
      printError(`Interrupted: ${answers.length} of ${order.size} images answered, ${right} of them right`)
    throw error
  }
}

function sayUnlabelled({ id, unlabelled }: Matched): void {
  if (unlabelled.length > 0) printError(`Left out, because ${id} has no such label: ${unlabelled.join(", ")}`)
}

/** @throws CliError before the work begins */
async function assertWritable(report: string): Promise<void> {
  const refuse = (why: string, cause?: unknown) =>
    new CliError(`Cannot write ${report} (--report): ${why}`, { exitCode: EXIT.usage, code: "not_writable", cause })
  const there = await stat(report).catch(() => null)
  if (there?.isDirectory()) throw refuse("it is a folder")
  const folder = await stat(dirname(resolve(report))).catch(() => null)
  if (!folder?.isDirectory()) throw refuse("there is no such folder")
  await access(there ? report : dirname(resolve(report)), constants.W_OK).catch((error: unknown) => {
    throw refuse("it may not be written; check the permissions", error)
  })
}

import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import { askAll, countRight } from "../../lib/training/cross-validate.ts"
import { trainHead } from "../../lib/training/train-head.ts"
import { wilson } from "../../lib/training/wilson.ts"
import { createApi } from "../api/api.ts"
import { openClient } from "../api/edge-client.ts"
import type { EdgeOptions } from "../api/edge-options.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { modelsFolder } from "../package-root.ts"
import { countOf } from "../terminal/human-units.ts"
import { paintFor, printError } from "../terminal/terminal.ts"
import { findBase, readBase } from "./base-model.ts"
import { type ClassFolder, readClassFolders } from "./class-folders.ts"
import { cacheFolder, type FeatureCache, openFeatureCache } from "./feature-cache.ts"
import { type Gathered, gatherFeatures, type Picture, type Skipped } from "./gather-features.ts"
import { reportTraining } from "./report-training.ts"
import { assertVersion, servedModel, untilServed } from "./served-model.ts"
import { holdOut, trainingSet } from "./training-set.ts"
import { type Accuracy, CARD_FILE, type Training, writeModel } from "./write-model.ts"

export type TrainOptions = EdgeOptions & {
  name: string
  out?: string
  base: string
  holdout?: number
  val?: string
  seed: number
  reject?: true | number
  concurrency: number
  force?: true
}

type Asked = TrainOptions & { signal: AbortSignal }

/** Asks for the features of images, fits a last layer to them, and writes the model. @throws CliError */
export async function train(folder: string, options: Asked): Promise<void> {
  const startedMs = performance.now()
  const { name, seed, signal, url, key, json } = options
  if (options.holdout !== undefined && options.val !== undefined) {
    throw new CliError("Cannot use --holdout and --val together", { exitCode: EXIT.usage })
  }
  const into = resolve(options.out ?? modelsFolder())
  refuseTaken(join(into, name), options)
  const base = await findBase(options.base)
  if (base.id.toLowerCase() === name.toLowerCase()) {
    throw new CliError(`Cannot name it ${name}: that is the model it is made of`, { exitCode: EXIT.usage })
  }
  await readBase(base)
  const classes = await readClassFolders(folder, printError)
  const valClasses = options.val === undefined ? null : await readValFolder(options.val, classes)
  const client = await openClient({ url, key }, { signal })
  const { version } = await servedModel(createApi({ url, key }), { id: base.id, option: "--base" }, signal)
  const cache = await openFeatureCache({ id: base.id, version }, cacheFolder())
  const failed = new AbortController()
  try {
    const model = { ...base, version }
    const gathering = { ...options, client, cache, model, signal: AbortSignal.any([signal, failed.signal]) }
    const gather = async () => {
      const gathered = await gatherFeatures(classes, gathering)
      const val = valClasses && without(await gatherFeatures(valClasses, gathering), gathered.pictures)
      return { gathered, val }
    }
    // What it may have to load takes as long as the first pictures.
    const [{ gathered, val }] = await Promise.all([
      gather(),
      assertVersion(base, { version, cache: cacheFolder(), signal }),
    ])
    saySkipped([...gathered.skipped, ...(val?.skipped ?? [])])
    refuseFew(gathered.pictures, classes)
    const made = await fitModel({ ...gathered, val: val?.pictures ?? null }, { classes, cache, options })
    const training: Training = { name, seed, base: { ...base, version }, skipped: gathered.skipped.length, ...made }
    const madeVersion = await writeModel(training, into, signal)
    reportTraining({
      training,
      version: madeVersion,
      folder: join(into, name),
      ms: performance.now() - startedMs,
      json,
    })
    await tellServed({ name, version: madeVersion }, options)
  } catch (error) {
    if (signal.aborted) {
      printError(`Interrupted: ${countOf(cache.count(), "image")} known by now. The same command goes on from there.`)
    }
    throw error
  } finally {
    failed.abort()
    cache.close()
  }
}

type Fit = { classes: readonly ClassFolder[]; cache: FeatureCache; options: Asked }
type Pictures = { pictures: Picture[]; val: Picture[] | null }

async function fitModel({ pictures, val }: Pictures, { classes, cache, options }: Fit) {
  const { seed, holdout, reject, signal } = options
  const { learned, held } =
    holdout === undefined ? { learned: pictures, held: [] } : holdOut(pictures, { share: holdout, seed })
  const set = trainingSet(learned, classes.length, cache)
  // A fit of many images takes minutes: Ctrl-C is heard between its steps.
  const onStep = async () => {
    await new Promise(setImmediate)
    signal.throwIfAborted()
  }
  const rejectShare = reject === true ? 0.05 : reject
  const trained = await trainHead(set, { seed, rejectShare, onStep })
  const asked = val ?? (holdout === undefined ? null : held)
  const counts = classes.map(({ label }, index) => {
    return { label, pictures: learned.filter((picture) => picture.label === index).length }
  })
  if (asked === null) {
    const accuracy: Accuracy = { ...trained.crossValidated.accuracy, how: "cross-validation" }
    return { trained, classes: counts, accuracy, asked: learned.length }
  }
  if (asked.length === 0) throw new CliError("Cannot measure the accuracy: no image is left to ask about")
  const other = trainingSet(asked, classes.length, cache)
  const accuracy = wilson(countRight(askAll(trained.head, other), other.labels), asked.length)
  const how = val ? ("val" as const) : ("holdout" as const)
  return { trained, classes: counts, accuracy: { ...accuracy, how }, asked: asked.length }
}

/** The folders of those classes, whatever the case of their names. @throws CliError when none is of a class that is learned */
async function readValFolder(folder: string, classes: readonly ClassFolder[]): Promise<ClassFolder[]> {
  const found = await readClassFolders(folder, printError)
  const labels = new Set(classes.map(({ label }) => label.toLowerCase()))
  const others = found.filter(({ label }) => !labels.has(label.toLowerCase())).map(({ label }) => label)
  if (others.length > 0) printError(`${folder}: left out, because nothing is learned of it: ${others.join(", ")}`)
  if (others.length === found.length)
    throw new CliError(`Cannot measure the accuracy on ${folder}: it has none of the classes`)
  return classes.map(({ label }) => {
    const own = found.filter((other) => other.label.toLowerCase() === label.toLowerCase())
    return { label, files: own.flatMap(({ files }) => files) }
  })
}

/** What is learned must not be asked about. */
function without({ pictures, skipped }: Gathered, learned: readonly Picture[]) {
  const known = new Set(learned.map(({ sha256 }) => sha256))
  const copies = pictures.filter(({ sha256 }) => known.has(sha256))
  return {
    pictures: pictures.filter(({ sha256 }) => !known.has(sha256)),
    skipped: [...skipped, ...copies.map(({ file }) => ({ file, reason: "it is among the images to learn from" }))],
  }
}

export function saySkipped(skipped: readonly Skipped[]): void {
  const note = paintFor(process.stderr)
  for (const { file, reason } of skipped.slice(0, 10)) printError(`${note("yellow", "skipped")} ${file}: ${reason}`)
  if (skipped.length > 10) printError(`${note("yellow", "skipped")} ${countOf(skipped.length - 10, "more image")}`)
}

const FEW = 10

function refuseFew(pictures: readonly Picture[], classes: readonly ClassFolder[]): void {
  for (const [index, { label }] of classes.entries()) {
    const count = pictures.filter((picture) => picture.label === index).length
    if (count < 2)
      throw new CliError(`Cannot train: ${label} has ${countOf(count, "usable image")}, and needs 2 at least`)
    if (count < FEW)
      printError(`${label} has only ${countOf(count, "image")}: expect little of it, 20 are a good start`)
  }
}

function refuseTaken(target: string, { name, force }: TrainOptions): void {
  if (!existsSync(target) || existsSync(join(target, CARD_FILE)) || force) return
  const message = `Cannot write ${target}: that model was not made by train`
  throw new CliError(`${message}; choose another --name than ${name}, or add --force`, { exitCode: EXIT.usage })
}

async function tellServed(made: { name: string; version: string }, { url, key, signal }: Asked): Promise<void> {
  if (await untilServed(createApi({ url, key }), made, signal)) return
  printError(
    `${url} does not serve ${made.name} yet: its classifiers watch other folders (CLAIMCHECK_MODELS), or need a moment`,
  )
}

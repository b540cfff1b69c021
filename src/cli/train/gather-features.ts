import { createHash } from "node:crypto"
import { type Claimcheck, ClaimcheckError } from "../../lib/client/claimcheck.ts"
import { readFeatures } from "../../lib/training/read-features.ts"
import { forTerminal } from "../api/edge-client.ts"
import { runInOrder } from "../classify/run-in-order.ts"
import { CliError, describe } from "../cli-error.ts"
import { type ImageFile, readImageFile } from "../files/read-image-file.ts"
import { showProgress } from "../terminal/progress.ts"
import { progressNote } from "../terminal/progress-note.ts"
import type { ClassFolder } from "./class-folders.ts"
import type { FeatureCache } from "./feature-cache.ts"

/** A picture of a class, by its number. */
export type Picture = { file: string; label: number; sha256: string }
export type Skipped = { file: string; reason: string }
export type Gathered = { pictures: Picture[]; skipped: Skipped[] }

/** What a picture itself is to blame for: another try would end the same way. */
export const BAD_PICTURE = new Set([
  "unsupported_image",
  "invalid_image",
  "side_too_long",
  "too_many_pixels",
  "image_too_large",
  "empty_body",
])
const READERS = 4

export type Gathering = {
  client: Pick<Claimcheck, "embed">
  url: string
  cache: FeatureCache
  model: { id: string; version: string }
  concurrency: number
  signal: AbortSignal
}

/**
 * Sees to it that the features of each picture are in the cache, and asks the server for those that are not. A picture that cannot
 * be read is skipped, and so are copies: all but one of a class, and all of one that stands in several.
 * @throws CliError for trouble that is not a picture's own; what is known by then stays known
 */
export async function gatherFeatures(classes: readonly ClassFolder[], gathering: Gathering): Promise<Gathered> {
  const { cache, signal } = gathering
  const named = classes.flatMap(({ files }, label) => files.map((file) => ({ file, label })))
  const skipped: Skipped[] = []
  const seen: Picture[] = []
  await runInOrder(named, {
    concurrency: READERS,
    work: async ({ file }) => {
      signal.throwIfAborted()
      const image = await readImageFile(file).catch((error: unknown) => describe(error))
      return typeof image === "string" || image.contentType === "application/octet-stream"
        ? noImage(image)
        : hash(image)
    },
    tell: (found, { file, label }) => {
      if ("reason" in found) skipped.push({ file, ...found })
      else seen.push({ file, label, ...found })
    },
  })
  const { pictures, copies } = withoutCopies(seen, classes)
  skipped.push(...copies)
  const unknown = pictures.filter(({ sha256 }) => !cache.has(sha256))
  const refused = await ask(unknown, gathering)
  skipped.push(...refused)
  return { pictures: pictures.filter(({ sha256 }) => cache.has(sha256)), skipped }
}

const hash = ({ bytes }: ImageFile) => ({ sha256: createHash("sha256").update(bytes).digest("hex") })
const noImage = (found: ImageFile | string) => ({ reason: typeof found === "string" ? found : "it is no image" })

/** In an order that names of files have no part in. */
function withoutCopies(seen: readonly Picture[], classes: readonly ClassFolder[]) {
  const first = new Map<string, Picture>()
  const labels = new Map<string, Set<number>>()
  for (const picture of seen) {
    if (!first.has(picture.sha256)) first.set(picture.sha256, picture)
    labels.set(picture.sha256, (labels.get(picture.sha256) ?? new Set()).add(picture.label))
  }
  const isClear = ({ sha256 }: Picture) => labels.get(sha256)?.size === 1
  const copies = seen.flatMap((picture) => {
    const { file, sha256 } = picture
    const names = [...(labels.get(sha256) ?? [])].map((label) => classes[label]?.label)
    if (names.length > 1) return { file, reason: `the same image is in ${names.join(" and ")}` }
    return first.get(sha256) === picture ? [] : { file, reason: `it is a copy of ${first.get(sha256)?.file}` }
  })
  const pictures = [...first.values()].filter(isClear)
  pictures.sort((a, b) => a.label - b.label || (a.sha256 < b.sha256 ? -1 : 1))
  return { pictures, copies }
}

async function ask(unknown: readonly Picture[], gathering: Gathering): Promise<Skipped[]> {
  const { cache, model, client, concurrency, signal, url } = gathering
  const progress = showProgress(unknown.length)
  const startedMs = performance.now()
  const skipped: Skipped[] = []
  let done = 0
  const askOne = async ({ file, sha256 }: Picture) => {
    signal.throwIfAborted()
    try {
      const { bytes, contentType } = await readImageFile(file)
      const image = new Blob([bytes], { type: contentType })
      const ticket = await client.embed(image, { model: model.id, encoding: "base64", signal })
      if (ticket.model?.version !== model.version) {
        throw new CliError(`The server has another version of ${model.id} by now: run the command again`)
      }
      cache.add(sha256, readFeatures(ticket.features))
    } catch (error) {
      if (!(error instanceof ClaimcheckError && BAD_PICTURE.has(error.code))) throw told(error, file, { signal, url })
      skipped.push({ file, reason: error.message })
    }
    const note = { done: ++done, failed: skipped.length, total: unknown.length, ms: performance.now() - startedMs }
    progress.update(done, progressNote(note))
  }
  try {
    await runInOrder(unknown, { concurrency, work: askOne, tell: () => undefined })
  } finally {
    progress.stop()
  }
  return skipped
}

function told(error: unknown, file: string, { signal, url }: Pick<Gathering, "signal" | "url">): unknown {
  if (signal.aborted) return error
  const readable = forTerminal(error, { url })
  if (!(error instanceof ClaimcheckError && readable instanceof CliError)) return readable
  return new CliError(`${file}: ${readable.message}`, { code: error.code, cause: error })
}

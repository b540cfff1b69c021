import { stat } from "node:fs/promises"
import { isAbsolute, join } from "node:path"
import { glob, isDynamicPattern } from "tinyglobby"
import { listFormats } from "../lib/image-header.ts"
import { CliError } from "./cli-error.ts"
import { isPictureUrl } from "./picture-url.ts"

const PICTURES = "*.{jpg,jpeg,png,webp,avif,gif,tif,tiff}"

/**
 * The files that are meant: a file is itself, a folder its pictures, a pattern what it matches. A URL stays as it is, and
 * so does a path that is not there: reading it says why.
 * @throws CliError for a folder or a pattern without a picture, before anything is sent
 */
export async function expandInputs(inputs: readonly string[], { recursive = false } = {}): Promise<string[]> {
  return (await Promise.all(inputs.map((input) => expandInput(input, recursive)))).flat()
}

async function expandInput(input: string, recursive: boolean): Promise<string[]> {
  if (isPictureUrl(input)) return [input]
  const kind = await stat(input).catch(() => null)
  if (kind?.isDirectory()) {
    const found = await find(recursive ? `**/${PICTURES}` : PICTURES, input)
    if (found.length > 0) return found.map((path) => join(input, path))
    const advice = recursive ? "" : "; --recursive looks in its folders, too"
    throw new CliError(`Cannot find a picture in ${input}: it has no ${listFormats()}${advice}`)
  }
  if (kind !== null || !isDynamicPattern(input)) return [input]
  const found = await find(input, ".")
  if (found.length > 0) return found
  throw new CliError(`Cannot find a file: nothing matches ${input}`)
}

/** Names in the order people expect: photo2 before photo10. */
async function find(pattern: string, folder: string): Promise<string[]> {
  const absolute = isAbsolute(pattern)
  const paths = await glob(pattern, { cwd: folder, absolute, caseSensitiveMatch: false, expandDirectories: false })
  return paths.sort(new Intl.Collator("en", { numeric: true }).compare)
}

import { stat } from "node:fs/promises"
import { isAbsolute, join } from "node:path"
import { glob, isDynamicPattern } from "tinyglobby"
import { IMAGE_ENDINGS } from "../../lib/images/image-formats.ts"
import { countOf } from "../terminal/human-units.ts"
import { printError } from "../terminal/terminal.ts"
import { isPictureUrl } from "./picture-url.ts"

const PICTURES = `*.{${IMAGE_ENDINGS.join(",")}}`
const MAX_NAMED = 3

type Options = {
  recursive?: boolean
  /** Says what of a folder is not taken. */
  say?: (sentence: string) => void
  /** Told the way from a folder that was named to a file in it. */
  place?: (file: string, below: string) => void
}

/**
 * The files that are meant: a file is itself, a folder its pictures, a pattern what it matches. A URL stays as it is, and so
 * does a path that is not there, a folder without a picture and a pattern that nothing matches: reading them says why.
 */
export async function expandInputs(inputs: readonly string[], options: Options = {}): Promise<string[]> {
  return (await Promise.all(inputs.map((input) => expandInput(input, options)))).flat()
}

async function expandInput(input: string, { recursive = false, say = printError, place }: Options): Promise<string[]> {
  if (isPictureUrl(input)) return [input]
  const kind = await stat(input).catch(() => null)
  if (kind?.isDirectory()) {
    const below = recursive ? "**/" : ""
    const found = await find(below + PICTURES, input)
    const taken = new Set(found)
    const others = (await find(`${below}*`, input)).filter((path) => !taken.has(path))
    const folders = recursive ? [] : await find("*/", input)
    const left = leftOut(others, folders)
    if (left !== "") say(`${input}: ${left}`)
    if (found.length === 0) return [input]
    for (const path of found) place?.(join(input, path), path)
    return found.map((path) => join(input, path))
  }
  if (kind !== null || !isDynamicPattern(input)) return [input]
  const found = await find(input, ".")
  return found.length > 0 ? found : [input]
}

/** Phones write these, and no codec of ours reads them. */
const isHeic = (path: string) => /\.hei[cf]$/i.test(path)

/** Dot files are ignored silently. */
function leftOut(others: readonly string[], folders: readonly string[]): string {
  const sayFiles = (files: readonly string[], why: string) => {
    const named = files.slice(0, MAX_NAMED).join(", ") + (files.length > MAX_NAMED ? ", …" : "")
    return files.length > 0 && `left out ${countOf(files.length, "file")} ${why}: ${named}`
  }
  return [
    sayFiles(
      others.filter((path) => !isHeic(path)),
      "not named like an image",
    ),
    sayFiles(others.filter(isHeic), "because HEIC is not supported"),
    folders.length > 0 && `did not look in its ${countOf(folders.length, "folder")} (--recursive does)`,
  ]
    .filter(Boolean)
    .join("; ")
}

/** Names in the order people expect: photo2 before photo10. */
async function find(pattern: string, folder: string): Promise<string[]> {
  const absolute = isAbsolute(pattern)
  const onlyDirectories = pattern.endsWith("/")
  const paths = await glob(pattern, {
    cwd: folder,
    absolute,
    onlyDirectories,
    caseSensitiveMatch: false,
    expandDirectories: false,
  })
  return paths.sort(new Intl.Collator("en", { numeric: true }).compare)
}

import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { glob } from "tinyglobby"
import { IMAGE_ENDINGS } from "../../lib/images/image-formats.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { countOf } from "../terminal/human-units.ts"

/** A folder of pictures, named by what they show. */
export type ClassFolder = { label: string; files: string[] }

const HAS_IMAGE_ENDING = new RegExp(`\\.(${IMAGE_ENDINGS.join("|")})$`, "i")
const MAX_NAMED = 3

/**
 * The classes of a folder, in the order of their labels: each folder in it is one, with the pictures in it and below. Hidden files
 * and folders are left out silently, what else is left out is said. @throws CliError when there are too few
 */
export async function readClassFolders(
  folder: string,
  say: (sentence: string) => void,
  { task = "train", atLeast = 2 } = {},
): Promise<ClassFolder[]> {
  const kind = await stat(folder).catch(() => null)
  if (!kind?.isDirectory()) {
    throw usage(`Cannot ${task} from ${folder}: ${kind ? "it is a file, not a folder" : "there is no such folder"}`)
  }
  const names = (await readdir(folder)).filter((name) => !name.startsWith(".")).sort(byText)
  const classes: ClassFolder[] = []
  const loose: string[] = []
  for (const name of names) {
    if (!(await stat(join(folder, name)).catch(() => null))?.isDirectory()) {
      loose.push(name)
      continue
    }
    const all = (await glob("**/*", { cwd: join(folder, name), expandDirectories: false })).sort(byText)
    const files = all.filter((file) => HAS_IMAGE_ENDING.test(file)).map((file) => join(folder, name, file))
    const others = all.filter((file) => !HAS_IMAGE_ENDING.test(file))
    if (others.length > 0)
      say(`${name}: left out ${countOf(others.length, "file")} that are no images: ${some(others)}`)
    if (files.length === 0) say(`${name}: left out, the folder has no images`)
    // Systems write the same letters in two ways.
    else classes.push({ label: name.normalize("NFC"), files })
  }
  if (loose.length > 0) say(`Left out ${countOf(loose.length, "file")} outside the class folders: ${some(loose)}`)
  const [first] = classes
  if (first && classes.length >= atLeast) return classes.sort((a, b) => byText(a.label, b.label))
  const found = first
    ? `${folder} has only one folder with images, ${first.label}`
    : `${folder} has no folders of images`
  throw usage(`Cannot ${task}: ${found}. It needs a folder for each class: ${folder}/cat/*.jpg, ${folder}/dog/*.jpg`)
}

const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)

/** The first names of many. */
export function some(names: readonly string[]): string {
  return names.slice(0, MAX_NAMED).join(", ") + (names.length > MAX_NAMED ? ", …" : "")
}

const usage = (message: string) => new CliError(message, { exitCode: EXIT.usage })

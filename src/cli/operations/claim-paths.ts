import { extname } from "node:path"
import { CliError, EXIT } from "../cli-error.ts"
import { fileNameOf, isPictureUrl } from "../files/picture-url.ts"
import { realPathOf } from "../files/real-path.ts"

/**
 * Gives each result of a run a path of its own: never that of an input, which may still have to be read; and where another
 * result of the run has it, one with the input's own extension or a number in its name. --force changes nothing about it.
 */
export async function claimPaths(inputs: readonly string[]): Promise<(path: string, input: string) => Promise<string>> {
  const files = inputs.filter((input) => !isPictureUrl(input))
  const ofInputs = new Set(await Promise.all(files.map(realPathOf)))
  const ofResults = new Set<string>()
  return async (path, input) => {
    for (let times = 0; ; times++) {
      const candidate = anotherName(path, input, times)
      const real = await realPathOf(candidate)
      if (ofInputs.has(real))
        throw refusal(candidate, `it is an input, and ${input} would go there; choose another --out`)
      if (ofResults.has(real)) continue
      ofResults.add(real)
      return candidate
    }
  }
}

/** "a.jpg" of a.tiff is then "a-tiff.jpg", and "a-tiff-2.jpg". */
function anotherName(path: string, input: string, times: number): string {
  if (times === 0) return path
  const ending = extname(path)
  const own = extname(fileNameOf(input)).slice(1)
  const more = [own, times > 1 || own === "" ? String(own === "" ? times + 1 : times) : ""].filter(Boolean).join("-")
  return `${path.slice(0, path.length - ending.length)}-${more}${ending}`
}

const refusal = (path: string, why: string) => new CliError(`Cannot write ${path}: ${why}`, { exitCode: EXIT.usage })

import { CliError, EXIT } from "../cli-error.ts"
import { isPictureUrl } from "../picture-url.ts"
import { realPathOf } from "../real-path.ts"

/**
 * Gives each result of a run a path of its own: neither that of an input, which may still have to be read, nor that of
 * another result. --force changes nothing about it.
 */
export async function claimPaths(inputs: readonly string[]): Promise<(path: string) => Promise<void>> {
  const files = inputs.filter((input) => !isPictureUrl(input))
  const ofInputs = new Set(await Promise.all(files.map(realPathOf)))
  const ofResults = new Set<string>()
  return async (path) => {
    const real = await realPathOf(path)
    if (ofInputs.has(real)) throw refusal(path, "it is an input; name another folder with --out")
    if (ofResults.has(real)) {
      throw refusal(path, "another picture of this run has its result there; run them apart, each with an --out")
    }
    ofResults.add(real)
  }
}

const refusal = (path: string, why: string) => new CliError(`Cannot write ${path}: ${why}`, { exitCode: EXIT.usage })

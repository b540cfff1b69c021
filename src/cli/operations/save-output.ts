import { open, readFile, rm } from "node:fs/promises"
import { basename, dirname, extname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Claimcheck, ClaimcheckError, type TicketData } from "../../lib/client/claimcheck.ts"
import { CliError, describe, EXIT } from "../cli-error.ts"
import { fileNameOf } from "../files/picture-url.ts"

/** @property below the way from a folder that was named to the input; it is kept in the other folder */
type Where = { folder?: string | undefined; suffix: string; below?: string | undefined }

/** Beside the input, or here if that is a URL, under a name of its own; in another folder under the input's. */
export function outputPath(input: string, ending: string, { folder, suffix, below = "" }: Where): string {
  const file = fileNameOf(input)
  const name = basename(file, extname(file))
  return folder === undefined
    ? join(dirname(file), `${name}-${suffix}.${ending}`)
    : join(folder, dirname(below), `${name}.${ending}`)
}

/**
 * What the job has made, as a file.
 * @throws CliError when it cannot be fetched or written, or something is there and `force` is not given
 */
export async function saveOutput(path: string, { output, client, force, signal }: SaveOutput): Promise<void> {
  const bytes = await readOutput(output, client, signal)
  try {
    await writeWhole(path, bytes, force)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") {
      const advice = "--force writes over it, --out names another folder"
      throw new CliError(`Cannot write ${path}: it is there already; ${advice}`, { exitCode: EXIT.usage, cause })
    }
    throw new CliError(`Cannot write ${path}: ${describe(cause)}`, { cause })
  }
}

/** A partial file left by a full disk would block the next run. */
async function writeWhole(path: string, bytes: Uint8Array, force: boolean): Promise<void> {
  const handle = await open(path, force ? "w" : "wx")
  try {
    await handle.writeFile(bytes)
  } catch (error) {
    if (!force) await rm(path, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

export type Output = Pick<NonNullable<TicketData["output"]>, "url" | "content_type" | "bytes">

export type SaveOutput = { output: Output; client: Pick<Claimcheck, "output">; force: boolean; signal: AbortSignal }

async function readOutput(
  output: Output,
  client: Pick<Claimcheck, "output">,
  signal: AbortSignal,
): Promise<Uint8Array> {
  try {
    if (output.url.startsWith("file:")) return await readFile(fileURLToPath(output.url))
    return new Uint8Array(await (await client.output({ output }, { signal })).arrayBuffer())
  } catch (cause) {
    signal.throwIfAborted()
    const code = cause instanceof ClaimcheckError ? cause.code : undefined
    throw new CliError(`Cannot fetch the output: ${describe(cause)}`, { code, cause })
  }
}

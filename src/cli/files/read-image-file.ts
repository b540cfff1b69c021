import { readFile } from "node:fs/promises"
import { buffer } from "node:stream/consumers"
import { isDynamicPattern } from "tinyglobby"
import { listFormats, sniffContentType } from "../../lib/images/image-header.ts"
import { CliError, describe } from "../cli-error.ts"

export type ImageFile = { bytes: Uint8Array<ArrayBuffer>; contentType: string }

const ADVICE: Record<string, string> = {
  ENOENT: "there is no such file",
  ENOTDIR: "part of its path is a file, not a folder",
  EISDIR: `it is a folder without images (${listFormats()})`,
  EACCES: "it may not be read; check its permissions",
  EPERM: "it may not be read; check its permissions",
}

/** What stands for standard input where files are named. */
export const STDIN = "-"

/** @throws CliError unreadable */
export async function readImageFile(path: string): Promise<ImageFile> {
  if (path === STDIN && process.stdin.isTTY) {
    throw new CliError("Cannot read standard input: it is a terminal; pipe an image in", { code: "unreadable" })
  }
  try {
    const bytes = new Uint8Array(path === STDIN ? await buffer(process.stdin) : await readFile(path))
    return { bytes, contentType: sniffContentType(bytes) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === "ENOENT" && /^[a-z][a-z0-9+.-]*:\/\//i.test(path))
      throw new CliError(`Cannot fetch ${path}: only http and https URLs are taken`, {
        code: "unreadable",
        cause: error,
      })
    const why = code === "ENOENT" && isDynamicPattern(path) ? "no file matches it" : ADVICE[code ?? ""]
    throw new CliError(`Cannot read ${path}: ${why ?? describe(error)}`, {
      code: "unreadable",
      cause: error,
    })
  }
}

import { closeSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs"
import { CliError, describe, EXIT } from "../cli-error.ts"

export type FeaturesFile = {
  add: (file: string, features: Float32Array) => void
  /** Puts the file in its place, or leaves none. */
  close: (end: { isWhole: boolean }) => void
}

const HEADER_BYTES = 128

/**
 * Writes features as they come: one JSON object a line, or as `numpy.load()` reads them, float32 [files, features], with the
 * names of the files beside it, a line each. @throws CliError for another ending
 */
export function openFeaturesFile(path: string): FeaturesFile {
  const isNpy = path.endsWith(".npy")
  if (!isNpy && !path.endsWith(".jsonl")) {
    throw new CliError(`Cannot write ${path}: features go to a file that ends in .npy or .jsonl`, {
      exitCode: EXIT.usage,
    })
  }
  const draft = `${path}.${process.pid}.part`
  const handle = openDraft(draft, path)
  const files: string[] = []
  let length = 0
  if (isNpy) writeSync(handle, Buffer.alloc(HEADER_BYTES))
  return {
    add(file, features) {
      if (files.length > 0 && features.length !== length) {
        throw new CliError(`Cannot write ${path}: ${file} has ${features.length} features, those before have ${length}`)
      }
      length = features.length
      files.push(file)
      if (isNpy) writeSync(handle, toBytes(features))
      else writeSync(handle, `${JSON.stringify({ file, features: Array.from(features, shortNumber) })}\n`)
    },
    close({ isWhole }) {
      if (isNpy) writeSync(handle, npyHeader(files.length, length), 0, HEADER_BYTES, 0)
      closeSync(handle)
      if (!isWhole) return rmSync(draft, { force: true })
      renameSync(draft, path)
      if (isNpy) writeFileSync(path.replace(/\.npy$/, ".files.txt"), files.map((file) => `${file}\n`).join(""))
    },
  }
}

const shortNumber = (value: number) => Number(value.toPrecision(7))

function openDraft(draft: string, path: string): number {
  try {
    return openSync(draft, "w")
  } catch (cause) {
    throw new CliError(`Cannot write ${path}: ${describe(cause)}`, { exitCode: EXIT.usage, cause })
  }
}

function toBytes(values: Float32Array): Uint8Array {
  const bytes = Buffer.alloc(values.byteLength)
  for (const [at, value] of values.entries()) bytes.writeFloatLE(value, 4 * at)
  return bytes
}

/** Format 1.0, https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html; room is left for any count. */
function npyHeader(rows: number, columns: number): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`
  const header = Buffer.alloc(HEADER_BYTES, " ")
  header.write("\x93NUMPY\x01\x00", "latin1")
  header.writeUInt16LE(HEADER_BYTES - 10, 8)
  header.write(text, 10, "latin1")
  header.write("\n", HEADER_BYTES - 1)
  return header
}

import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs"
import { mkdir } from "node:fs/promises"
import { homedir } from "node:os"
import { join } from "node:path"

const HASH_BYTES = 32
const HEADER_BYTES = 4
const BLOCK_RECORDS = 512

/** A picture's features by the hash of its bytes, in one file for a version of a model; what was added survives a crash. */
export type FeatureCache = {
  path: string
  has: (sha256: string) => boolean
  /** How many pictures are known. */
  count: () => number
  add: (sha256: string, features: Float32Array) => void
  /** Values of each, once one is known. */
  length: () => number
  /** Overwrites `row`. @throws RangeError for one that is not known */
  read: (sha256: string, row: Float32Array) => void
  close: () => void
}

/** Where features are kept: XDG_CACHE_HOME, or ~/.cache. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "claimcheck", "features")
}

export async function openFeatureCache(model: { id: string; version: string }, folder: string): Promise<FeatureCache> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${model.id}@${model.version}.f32`)
  const handle = openSync(path, "a+")
  const places = new Map<string, number>()
  let length = readLength(handle)
  const recordBytes = () => HASH_BYTES + 4 * length
  let records = 0
  if (length > 0) {
    records = Math.floor((fstatSync(handle).size - HEADER_BYTES) / recordBytes())
    // A run that was killed may have left a part of one.
    ftruncateSync(handle, HEADER_BYTES + records * recordBytes())
    readHashes(handle, { records, recordBytes: recordBytes(), places })
  }
  return {
    path,
    has: (sha256) => places.has(sha256),
    count: () => places.size,
    length: () => length,
    add(sha256, features) {
      if (length === 0) {
        length = features.length
        const header = Buffer.alloc(HEADER_BYTES)
        header.writeUInt32LE(length)
        ftruncateSync(handle, 0)
        writeSync(handle, header)
      }
      if (features.length !== length) {
        throw new RangeError(`Cannot keep ${features.length} features where others have ${length}`)
      }
      const record = Buffer.alloc(recordBytes())
      record.write(sha256, "hex")
      for (const [at, value] of features.entries()) record.writeFloatLE(value, HASH_BYTES + 4 * at)
      writeSync(handle, record)
      places.set(sha256, records++)
    },
    read(sha256, row) {
      const place = places.get(sha256)
      if (place === undefined) throw new RangeError(`Cannot read the features of ${sha256}: they are not known`)
      const bytes = Buffer.alloc(4 * length)
      readSync(handle, bytes, 0, bytes.length, HEADER_BYTES + place * recordBytes() + HASH_BYTES)
      for (let at = 0; at < length; at++) row[at] = bytes.readFloatLE(4 * at)
    },
    close: () => closeSync(handle),
  }
}

function readLength(handle: number): number {
  const header = Buffer.alloc(HEADER_BYTES)
  return readSync(handle, header, 0, HEADER_BYTES, 0) === HEADER_BYTES ? header.readUInt32LE() : 0
}

type Hashes = { records: number; recordBytes: number; places: Map<string, number> }

function readHashes(handle: number, { records, recordBytes, places }: Hashes): void {
  const block = Buffer.alloc(BLOCK_RECORDS * recordBytes)
  for (let first = 0; first < records; first += BLOCK_RECORDS) {
    readSync(handle, block, 0, block.length, HEADER_BYTES + first * recordBytes)
    for (let at = 0; at < Math.min(BLOCK_RECORDS, records - first); at++) {
      places.set(block.toString("hex", at * recordBytes, at * recordBytes + HASH_BYTES), first + at)
    }
  }
}

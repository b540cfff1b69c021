import { createHash } from "node:crypto"
import { type Features, featuresOf } from "../../lib/training/features.ts"
import type { TrainingSet } from "../../lib/training/train-head.ts"
import type { FeatureCache } from "./feature-cache.ts"
import type { Picture } from "./gather-features.ts"

/** Beyond that they are read from the disk each time. */
const MOST_BYTES_IN_MEMORY = 256 * 2 ** 20
const BLOCK_ROWS = 256

/** The features of pictures, as the fit takes them. */
export function trainingSet(
  pictures: readonly Picture[],
  classes: number,
  cache: FeatureCache,
  mostBytes = MOST_BYTES_IN_MEMORY,
): TrainingSet {
  const length = cache.length()
  const isSmall = pictures.length * length * 4 <= mostBytes
  const rows = isSmall ? pictures.map(({ sha256 }) => readRow(cache, sha256, new Float32Array(length))) : null
  const features = rows ? featuresOf(rows) : featuresOnDisk(pictures, cache)
  return { features, labels: Int32Array.from(pictures, ({ label }) => label), classes }
}

function readRow(cache: FeatureCache, sha256: string, row: Float32Array): Float32Array {
  cache.read(sha256, row)
  return row
}

function featuresOnDisk(pictures: readonly Picture[], cache: FeatureCache): Features {
  const length = cache.length()
  const block = new Float32Array(BLOCK_ROWS * length)
  return {
    count: pictures.length,
    length,
    *blocks() {
      for (let first = 0; first < pictures.length; first += BLOCK_ROWS) {
        const some = pictures.slice(first, first + BLOCK_ROWS)
        for (const [at, { sha256 }] of some.entries())
          readRow(cache, sha256, block.subarray(at * length, (at + 1) * length))
        yield block.subarray(0, some.length * length)
      }
    },
  }
}

/**
 * Holds back a share of each class, by the seed and what is on the pictures: one more picture changes little of it.
 * At least one of a class is held back, and at least two stay.
 */
export function holdOut(pictures: readonly Picture[], { share, seed }: { share: number; seed: number }) {
  const held = new Set<Picture>()
  for (const label of new Set(pictures.map((picture) => picture.label))) {
    const own = pictures.filter((picture) => picture.label === label)
    const order = own.map((picture) => ({ picture, place: placeOf(picture, seed) }))
    order.sort((a, b) => (a.place < b.place ? -1 : 1))
    const count = Math.min(own.length - 2, Math.max(1, Math.round(own.length * share)))
    for (const { picture } of order.slice(0, Math.max(0, count))) held.add(picture)
  }
  return { learned: pictures.filter((picture) => !held.has(picture)), held: [...held] }
}

function placeOf({ sha256 }: Picture, seed: number): string {
  return createHash("sha256").update(`${seed} ${sha256}`).digest("hex")
}

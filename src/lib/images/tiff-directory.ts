/** A TIFF's structure of directories, which EXIF shares. TIFF 6.0, section 2. */
export type TiffStructure = { view: DataView; littleEndian: boolean; firstAt: number }

export type TiffDirectory = {
  /** In the order they were asked for; null for one that is not there, or is no single whole number. */
  values: (number | null)[]
  entries: number
  /** Where the next directory is; 0 for none. */
  nextAt: number
}

const TYPE_SHORT = 3
const TYPE_LONG = 4
const ORIENTATION = 0x0112

/** Null where there is no room for a header. The byte order is what the first bytes say, else big-endian. */
export function openTiff(bytes: Uint8Array): TiffStructure | null {
  if (bytes.length < 8) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const littleEndian = view.getUint16(0) === 0x4949
  return { view, littleEndian, firstAt: view.getUint32(4, littleEndian) }
}

/** One pass over a directory, at most 65,535 entries. Null if it does not start within the bytes. */
export function readTiffDirectory(
  { view, littleEndian }: TiffStructure,
  at: number,
  tags: readonly number[],
): TiffDirectory | null {
  if (at + 2 > view.byteLength) return null
  const count = view.getUint16(at, littleEndian)
  const values: (number | null)[] = tags.map(() => null)
  for (let i = 0; i < count; i++) {
    const entry = at + 2 + i * 12
    if (entry + 12 > view.byteLength) return { values, entries: i, nextAt: 0 }
    const index = tags.indexOf(view.getUint16(entry, littleEndian))
    if (index < 0 || values[index] !== null) continue
    const type = view.getUint16(entry + 2, littleEndian)
    if (type === TYPE_SHORT) values[index] = view.getUint16(entry + 8, littleEndian)
    if (type === TYPE_LONG) values[index] = view.getUint32(entry + 8, littleEndian)
  }
  const linkAt = at + 2 + count * 12
  const nextAt = linkAt + 4 <= view.byteLength ? view.getUint32(linkAt, littleEndian) : 0
  return { values, entries: count, nextAt }
}

/** The whole numbers of one tag, of those within the bytes; none if the tag is absent, null if there are more than `max`. */
export function readTiffNumbers(
  { view, littleEndian }: TiffStructure,
  at: number,
  tag: number,
  max: number,
): number[] | null {
  const entries = at + 2 <= view.byteLength ? view.getUint16(at, littleEndian) : 0
  for (let i = 0; i < entries; i++) {
    const entry = at + 2 + i * 12
    if (entry + 12 > view.byteLength) return []
    if (view.getUint16(entry, littleEndian) !== tag) continue
    const [type, count] = [view.getUint16(entry + 2, littleEndian), view.getUint32(entry + 4, littleEndian)]
    const bytes = type === TYPE_SHORT ? 2 : type === TYPE_LONG ? 4 : 0
    if (bytes === 0) return []
    if (count > max) return null
    const from = count * bytes <= 4 ? entry + 8 : view.getUint32(entry + 8, littleEndian)
    const there = Math.max(0, Math.min(count, Math.floor((view.byteLength - from) / bytes)))
    const read = (n: number) =>
      bytes === 2 ? view.getUint16(from + n * 2, littleEndian) : view.getUint32(from + n * 4, littleEndian)
    return Array.from({ length: there }, (_number, n) => read(n))
  }
  return []
}

/** The orientation in a block of EXIF data, or null when it has none that makes sense. */
export function readExifOrientation(exif: Uint8Array): number | null {
  const tiff = openTiff(exif)
  if (tiff === null) return null
  const [orientation = null] = readTiffDirectory(tiff, tiff.firstAt, [ORIENTATION])?.values ?? []
  return isOrientation(orientation) ? orientation : null
}

export function isOrientation(value: number | null): value is number {
  return value !== null && value >= 1 && value <= 8
}

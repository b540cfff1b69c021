import { AppError } from "../app-error.ts"
import type { HeaderFacts } from "./image-formats.ts"
import { type Box, IsoBoxes } from "./iso-boxes.ts"

const BRANDS = ["avif", "avis"]
/** Compatible brands looked at; a file names some five. */
const MAX_BRANDS = 64

/** Whether a file says of itself, as its main brand or a compatible one, that it is AVIF (AV1 Image File Format, 6). */
export function isAvif(bytes: Uint8Array): boolean {
  if (bytes.length < 16) return false
  const boxes = new IsoBoxes(bytes)
  if (boxes.text(4) !== "ftyp") return false
  const end = Math.min(boxes.view.getUint32(0), bytes.length - 3, 16 + MAX_BRANDS * 4)
  for (let at = 8; at < end; at += 4) if (at !== 12 && BRANDS.includes(boxes.text(at))) return true
  return false
}

/**
 * Size and orientation of the primary item, by its properties; for a sequence, how many samples its longest track has.
 * ISO/IEC 23008-12, 6.5 and 9.3.
 * @throws AppError invalid_image
 */
export function readAvifHeader(bytes: Uint8Array): HeaderFacts {
  const boxes = new IsoBoxes(bytes)
  const file = { start: 0, end: bytes.length }
  const meta = boxes.find(file, "meta")
  const properties = boxes.find(meta, "iprp", 4)
  const container = boxes.find(properties, "ipco")
  const primary = readPrimaryId(boxes, boxes.find(meta, "pitm", 4))
  const associations = properties && boxes.list(properties.start, properties.end).filter(({ type }) => type === "ipma")
  const all = container ? boxes.list(container.start, container.end) : []
  const own = (associations ?? [])
    .flatMap((box) => readAssociations(boxes, box, primary))
    .flatMap((index) => all[index - 1] ?? [])

  const extent = own.find(({ type, start, end }) => type === "ispe" && end - start >= 12)
  const width = extent ? boxes.view.getUint32(extent.start + 4) : 0
  const height = extent ? boxes.view.getUint32(extent.start + 8) : 0
  if (width === 0 || height === 0) throw new AppError("invalid_image", "Cannot read image: the AVIF has no size")
  return { width, height, orientation: readOrientation(boxes, own), frames: countSamples(boxes, file) }
}

function readPrimaryId({ view }: IsoBoxes, box: Box | undefined): number | null {
  if (!box || box.end - box.start < 6) return null
  const isLong = view.getUint8(box.start) > 0
  if (isLong && box.end - box.start < 8) return null
  return isLong ? view.getUint32(box.start + 4) : view.getUint16(box.start + 4)
}

/** The properties of one item, as numbers from 1, in their order. */
function readAssociations(boxes: IsoBoxes, { start, end }: Box, itemId: number | null): number[] {
  const { view } = boxes
  if (end - start < 8) return []
  const idBytes = view.getUint8(start) < 1 ? 2 : 4
  const indexBytes = view.getUint8(start + 3) & 1 ? 2 : 1
  let at = start + 8
  for (let left = view.getUint32(start + 4); left > 0 && at + idBytes + 1 <= end; left--) {
    boxes.step()
    const id = idBytes === 2 ? view.getUint16(at) : view.getUint32(at)
    const count = view.getUint8(at + idBytes)
    const first = at + idBytes + 1
    at = first + count * indexBytes
    if (id !== itemId || at > end) continue
    // The highest bit only says that a reader must know the property.
    return Array.from({ length: count }, (_, i) =>
      indexBytes === 2 ? view.getUint16(first + i * 2) & 0x7fff : view.getUint8(first + i) & 0x7f,
    )
  }
  return []
}

/** EXIF's numbers for a turn anticlockwise by 0, 1, 2 or 3 quarters, then nothing, top for bottom, or left for right. */
const ORIENTATIONS = { none: [1, 8, 3, 6], topBottom: [4, 5, 2, 7], leftRight: [2, 7, 4, 5] } as const

function readOrientation({ view }: IsoBoxes, properties: readonly Box[]): number {
  let quarters = 0
  let mirror: keyof typeof ORIENTATIONS = "none"
  for (const { type, start, end } of properties) {
    if (end <= start) continue
    if (type === "irot") {
      const turn = view.getUint8(start) & 3
      // To mirror and then turn is to turn the other way and then mirror.
      quarters = (quarters + (mirror === "none" ? turn : 4 - turn)) % 4
    }
    if (type === "imir") mirror = view.getUint8(start) & 1 ? "leftRight" : "topBottom"
  }
  return ORIENTATIONS[mirror][quarters] ?? 1
}

function countSamples(boxes: IsoBoxes, file: Pick<Box, "start" | "end">): number {
  const movie = boxes.find(file, "moov")
  const tracks = movie ? boxes.list(movie.start, movie.end).filter(({ type }) => type === "trak") : []
  const counts = tracks.map((track) => {
    const sizes = ["mdia", "minf", "stbl", "stsz"].reduce<Box | undefined>((box, type) => boxes.find(box, type), track)
    return sizes && sizes.end - sizes.start >= 12 ? boxes.view.getUint32(sizes.start + 8) : 0
  })
  return Math.max(1, ...counts)
}

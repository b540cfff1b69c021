// Files that no encoder writes: what somebody sends who wants a reader to stumble, loop or swell.

const latin = (text: string) => Uint8Array.from(text, (char) => char.charCodeAt(0))

export function join(...parts: (Uint8Array | readonly number[] | string)[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...(typeof part === "string" ? latin(part) : part)]))
}

export function u16le(value: number): number[] {
  return [value & 255, (value >> 8) & 255]
}

export function u32le(value: number): number[] {
  return [...u16le(value & 0xffff), ...u16le(value >>> 16)]
}

export function u32be(value: number): number[] {
  return u32le(value).reverse()
}

/** `head`, then `unit` again and again up to `bytes`. */
export function filled(head: Uint8Array, unit: Uint8Array | readonly number[], bytes = 8_000_000): Uint8Array {
  const all = new Uint8Array(bytes)
  for (let at = head.length; at + unit.length <= bytes; at += unit.length) all.set(unit, at)
  all.set(head)
  return all
}

/** A GIF of `frames` pictures of one pixel each, on a canvas of the given size, sound to the last byte. */
export function gifOf(frames: number, { width, height }: { width: number; height: number }): Uint8Array {
  const head = join("GIF89a", u16le(width), u16le(height), [0x80, 0, 0], [0, 0, 0, 255, 255, 255])
  const frame = join([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0], [2, 2, 0x4c, 0x01, 0])
  const all = filled(head, frame, head.length + frames * frame.length + 1)
  all[all.length - 1] = 0x3b
  return all
}

/** A WebP of the extended format that says it has `frames`; they hold nothing. */
export function webpOf(frames: number, { width, height }: { width: number; height: number }): Uint8Array {
  const size = [...u32le(width - 1).slice(0, 3), ...u32le(height - 1).slice(0, 3)]
  const head = join("RIFF", u32le(22 + frames * 24), "WEBP", "VP8X", u32le(10), [0x02, 0, 0, 0], size)
  return filled(head, join("ANMF", u32le(16), new Uint8Array(16)), head.length + frames * 24)
}

export type TiffTag = readonly [tag: number, value: number]

/** A TIFF of directories with whole numbers, one a page, and `tail` behind them. `link` says where each leads. */
export function tiffOf(
  pages: readonly (readonly TiffTag[])[],
  {
    littleEndian = true,
    link,
    tail = new Uint8Array(),
  }: { littleEndian?: boolean; link?: (page: number, next: number) => number; tail?: Uint8Array } = {},
): Uint8Array {
  const short = (value: number) => (littleEndian ? u16le(value) : u16le(value).reverse())
  const long = (value: number) => (littleEndian ? u32le(value) : u32be(value))
  const bytes = [...latin(littleEndian ? "II*\0" : "MM\0*"), ...long(8)]
  for (const [page, tags] of pages.entries()) {
    bytes.push(...short(tags.length))
    for (const [tag, value] of tags) bytes.push(...short(tag), ...short(4), ...long(1), ...long(value))
    const next = page + 1 < pages.length ? bytes.length + 4 : 0
    bytes.push(...long(link?.(page, next) ?? next))
  }
  return join(bytes, tail)
}

/** A box of an ISO base media file; a full one begins with its version and flags. */
export function box(type: string, ...content: (Uint8Array | readonly number[])[]): Uint8Array {
  const body = join(...content)
  return join(u32be(8 + body.length), type, body)
}

export type AvifParts = {
  width?: number
  height?: number
  /** Quarters anticlockwise; 0 top for bottom, 1 left for right; in the order they are to be done. */
  turns?: readonly (readonly ["irot" | "imir", number])[]
  /** Samples that a sequence says it has. */
  samples?: number
}

/** What an AVIF says before its pixels, of which it has none. Its first property is another item's size. */
export function avifHeader({ width = 64, height = 48, turns = [], samples }: AvifParts = {}): Uint8Array {
  const full = [0, 0, 0, 0]
  const extents = [box("ispe", full, u32be(9999), u32be(9999)), box("ispe", full, u32be(width), u32be(height))]
  const properties = box("ipco", ...extents, ...turns.map(([type, value]) => box(type, [value])))
  const indices = [2, ...turns.map((_, i) => 3 + i)]
  const items = [0, 1, 1, 1, 0, 7, indices.length, ...indices.map((index) => index | 0x80)]
  const associations = box("ipma", full, u32be(2), items)
  const meta = box("meta", full, box("pitm", full, [0, 7]), box("iprp", properties, associations))
  const nest = (types: string[], inner: Uint8Array): Uint8Array =>
    types.reduceRight((content, type) => box(type, content), inner)
  const sizes = box("stsz", full, u32be(0), u32be(samples ?? 0))
  const movie = samples === undefined ? [] : nest(["moov", "trak", "mdia", "minf", "stbl"], sizes)
  return join(box("ftyp", latin(samples === undefined ? "avif" : "avis"), [0, 0, 0, 0], latin("mif1avif")), meta, movie)
}

/**
 * A progressive JPEG of one grey, sound in every byte: a scan for the DC coefficients, then one for each AC coefficient of each
 * component, which hold next to no bytes and make a decoder pass over the whole picture. At most 190 scans. ITU-T T.81, annex G.
 */
export function jpegOfScans(scans: number, { width, height }: { width: number; height: number }): Uint8Array {
  const u16be = (value: number) => u16le(value).reverse()
  const segment = (marker: number, ...content: (readonly number[])[]) => {
    const body = content.flat()
    return [0xff, marker, ...u16be(2 + body.length), ...body]
  }
  const blocks = Math.ceil(width / 8) * Math.ceil(height / 8)
  const oneCode = [1, ...Array(15).fill(0)]
  const head = join(
    [0xff, 0xd8],
    segment(0xdb, [0, ...Array(64).fill(1)]),
    segment(0xc2, [8], u16be(height), u16be(width), [3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]),
    // One code of one bit in each table: no difference, and a run of 16,384 blocks without coefficients.
    segment(0xc4, [0x00, ...oneCode, 0x00], [0x10, ...oneCode, 0xe0]),
    segment(0xda, [3, 1, 0, 2, 0, 3, 0, 0, 0, 0]),
  )
  // Nothing but zeros: runs of 16,384 blocks, of 15 bits each.
  const runs = new Uint8Array(Math.ceil((Math.ceil(blocks / 16_384) * 15) / 8))
  const passes = Array.from({ length: scans - 1 }, (_, i) => {
    const coefficient = 1 + (i % 63)
    return join(segment(0xda, [1, 1 + Math.floor(i / 63), 0, coefficient, coefficient, 0]), runs)
  })
  return Buffer.concat([head, new Uint8Array(Math.ceil((blocks * 3) / 8)), ...passes, Uint8Array.of(0xff, 0xd9)])
}

const MAGIC = "\x93NUMPY\x01\x00"
/** Magic, header's length and header fill whole multiples of this. */
const ALIGNMENT_BYTES = 64

/**
 * Red, green and blue as NumPy stores an array of shape [height, width, 3] and type uint8: `numpy.load()` reads it. Format 1.0,
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function toNpy({ width, height, rgb }: { width: number; height: number; rgb: Uint8Array }): Uint8Array {
  const dictionary = `{'descr': '|u1', 'fortran_order': False, 'shape': (${height}, ${width}, 3), }`
  const unpadded = MAGIC.length + 2 + dictionary.length + 1
  const padding = (ALIGNMENT_BYTES - (unpadded % ALIGNMENT_BYTES)) % ALIGNMENT_BYTES
  const header = Buffer.from(`${dictionary}${" ".repeat(padding)}\n`, "latin1")
  const length = Buffer.alloc(2)
  length.writeUInt16LE(header.length)
  return Buffer.concat([Buffer.from(MAGIC, "latin1"), length, header, rgb])
}

/** An EXIF segment as phones write it: the camera's name, an orientation, and where the picture was taken. */
export function gpsExifSegment(orientation: number): Uint8Array {
  const tiff = Buffer.alloc(160)
  tiff.write("MM\0*", 0, "latin1")
  tiff.writeUInt32BE(8, 4)
  tiff.writeUInt16BE(3, 8)
  writeEntry(tiff, 10, { tag: 0x010f, type: 2, count: 8, value: 50 })
  writeEntry(tiff, 22, { tag: 0x0112, type: 3, count: 1, value: orientation << 16 })
  writeEntry(tiff, 34, { tag: 0x8825, type: 4, count: 1, value: 64 })
  tiff.write("SecretC\0", 50, "latin1")
  tiff.writeUInt16BE(2, 64)
  writeEntry(tiff, 66, { tag: 1, type: 2, count: 2, value: 0x4e00_0000 })
  writeEntry(tiff, 78, { tag: 2, type: 5, count: 3, value: 100 })
  for (const [i, number] of [47, 1, 22, 1, 7, 1].entries()) tiff.writeUInt32BE(number, 100 + i * 4)
  const head = Buffer.from("\xff\xe1\0\0Exif\0\0", "latin1")
  head.writeUInt16BE(2 + 6 + tiff.length, 2)
  return Buffer.concat([head, tiff])
}

function writeEntry(
  tiff: Buffer,
  at: number,
  { tag, type, count, value }: { tag: number; type: number; count: number; value: number },
): void {
  tiff.writeUInt16BE(tag, at)
  tiff.writeUInt16BE(type, at + 2)
  tiff.writeUInt32BE(count, at + 4)
  tiff.writeUInt32BE(value, at + 8)
}

/** The JPEG with that segment first, a comment, and a second picture behind its end, as phones put it there. */
export function withSecrets(jpeg: Uint8Array, { orientation = 1 } = {}): Uint8Array {
  const exif = gpsExifSegment(orientation)
  const comment = Buffer.from("\xff\xfe\0\x0dSecretPlace", "latin1")
  return Buffer.concat([jpeg.subarray(0, 2), exif, comment, jpeg.subarray(2), jpeg.subarray(0, 2), exif])
}

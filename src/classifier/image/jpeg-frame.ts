import { AppError } from "../../lib/app-error.ts"

export type JpegFrame = {
  /** How it is coded, by the frame's marker: 0xc0 baseline, 0xc1 extended, 0xc2 progressive, others rare. */
  marker: number
  bitsPerSample: number
  components: number
  /** Samples of all components for each pixel: 3 in 4:4:4, 1.5 in 4:2:0. */
  samplesPerPixel: number
  /** How an Adobe file keeps its colours: 0 as they are, 1 YCbCr, 2 YCCK; undefined where it does not say. */
  adobeTransform: number | undefined
}

const APP14 = 0xee
const START_OF_SCAN = 0xda
const SOF_PROGRESSIVE = 0xc2

/** Reads what jpeg-js passes over, up to the first scan. Null where there is no frame. ITU-T T.81 B.2.2, Adobe TN 5116. */
export function readJpegFrame(bytes: Uint8Array): JpegFrame | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let frame: Omit<JpegFrame, "adobeTransform"> | undefined
  let adobeTransform: number | undefined
  for (let at = 2; at + 16 <= bytes.byteLength; ) {
    const marker = view.getUint8(at + 1)
    if (view.getUint8(at) !== 0xff || marker < 0xc0) {
      at++
      continue
    }
    if (marker === START_OF_SCAN) break
    if (marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      const components = view.getUint8(at + 9)
      const samplesPerPixel = readSamplesPerPixel(bytes.subarray(at + 10, at + 10 + components * 3))
      frame = { marker, bitsPerSample: view.getUint8(at + 4), components, samplesPerPixel }
    }
    if (marker === APP14 && view.getUint32(at + 4) === 0x41646f62) adobeTransform = view.getUint8(at + 15)
    // RSTn, SOI and EOI stand alone; 0xff fills.
    const standsAlone = (marker >= 0xd0 && marker <= 0xd9) || marker === 0xff
    at += standsAlone ? 1 : 2 + view.getUint16(at + 2)
  }
  return frame ? { ...frame, adobeTransform } : null
}

/** From the sampling factors of a frame's components: three bytes each, the factors in the second. */
function readSamplesPerPixel(components: Uint8Array): number {
  const factors = Array.from({ length: Math.floor(components.length / 3) }, (_, i) => {
    const both = components[i * 3 + 1] ?? 0x11
    return { across: Math.max(1, both >> 4), down: Math.max(1, both & 15) }
  })
  const largest = Math.max(...factors.map(({ across }) => across)) * Math.max(...factors.map(({ down }) => down))
  return factors.reduce((sum, { across, down }) => sum + (across * down) / largest, 0)
}

/** What a decoder keeps between the scans of a JPEG that has several: its coefficients, 16 bits each. */
export function jpegCoefficientBytes(bytes: Uint8Array, { width, height }: { width: number; height: number }): number {
  const frame = readJpegFrame(bytes)
  const isKept = frame === null || frame.marker >= SOF_PROGRESSIVE || countScans(bytes, 2) > 1
  // A block of each component at least, with the largest factors.
  return isKept ? Math.max(32, width) * Math.max(32, height) * (frame?.samplesPerPixel ?? 4) * 2 : 0
}

/** As libvips has it; encoders write some ten. */
const MAX_SCANS = 100
/** Twenty scans over the largest picture; more where it is smaller. */
const MAX_SCANNED_PIXELS = 1_000_000_000

/**
 * Holds the passes over a picture to a bound: each scan is one, however few bytes it has. Markers inside of metadata count too, so that
 * no decoder finds more of them.
 * @throws AppError invalid_image, too_many_pixels
 */
export function refuseManyScans(bytes: Uint8Array, { width, height }: { width: number; height: number }): void {
  const scans = countScans(bytes, MAX_SCANS + 1)
  if (scans > MAX_SCANS) {
    throw new AppError("invalid_image", `Cannot decode JPEG: it has more than ${MAX_SCANS} scans`)
  }
  if (scans > 1 && scans * width * height > MAX_SCANNED_PIXELS) {
    const message = `Cannot decode JPEG: ${scans} scans of ${width} × ${height} pass over more than ${MAX_SCANNED_PIXELS} pixels`
    throw new AppError("too_many_pixels", message)
  }
}

function countScans(bytes: Uint8Array, most: number): number {
  let scans = 0
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const marker = Buffer.from([0xff, START_OF_SCAN])
  for (let at = buffer.indexOf(marker); at >= 0 && scans < most; at = buffer.indexOf(marker, at + 2)) scans++
  return scans
}

/** What the manifest says to do with a picture, written plainly, so that PyTorch and TF.js are fed the very same numbers. */
import { readFileSync } from "node:fs"
import { decode as decodePng } from "fast-png"
import jpeg from "jpeg-js"

/** Pixels of a JPEG (jpeg-js) or an 8-bit PNG (fast-png): `data` holds `channels` bytes a pixel, RGB first. */
export function decode(path) {
  const bytes = readFileSync(path)
  if (bytes[0] === 0xff) return { ...jpeg.decode(bytes, { useTArray: true, formatAsRGBA: false }), channels: 3 }
  const { data, width, height, channels } = decodePng(bytes)
  return { data, width, height, channels }
}

/** Float32 [height, width, 3]: bilinear with half-pixel centres and no antialiasing, then (x - mean) / std. */
export function toInput(picture, { input, resize }) {
  const { data, width, height, channels } = picture
  const side = resize.crop_fraction * Math.min(width, height)
  const [sw, sh] = resize.fit === "crop" ? [side, side] : [width, height]
  const xs = taps(input.width, sw, width)
  const ys = taps(input.height, sh, height)
  const out = new Float32Array(input.width * input.height * 3)
  let o = 0
  for (const y of ys) {
    for (const x of xs) {
      for (let c = 0; c < 3; c++) {
        const at = (row, column) => data[(row * width + column) * channels + c]
        const top = at(y.low, x.low) * (1 - x.part) + at(y.low, x.high) * x.part
        const bottom = at(y.high, x.low) * (1 - x.part) + at(y.high, x.high) * x.part
        out[o++] = (top * (1 - y.part) + bottom * y.part - perChannel(input.mean, c)) / perChannel(input.std, c)
      }
    }
  }
  return out
}

/** The two neighbours and the share of the second, for `count` samples over the middle `span` of `length` pixels. */
function taps(count, span, length) {
  return Array.from({ length: count }, (_, i) => {
    const at = Math.min(Math.max((length - span) / 2 + ((i + 0.5) * span) / count - 0.5, 0), length - 1)
    const low = Math.floor(at)
    return { low, high: Math.min(low + 1, length - 1), part: at - low }
  })
}

const perChannel = (value, channel) => (Array.isArray(value) ? value[channel] : value)

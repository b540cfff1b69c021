import type { DecodedImage } from "./codec.ts"
import { orientedView } from "./orientation.ts"

export type InputRule = {
  width: number
  height: number
  /** What the model takes of a pixel, in which order; gray is its luma alone, by the first `mean` and `std`. Left out: rgb. */
  channels?: "rgb" | "bgr" | "gray"
  /** One number for all channels, or red, green, blue. */
  mean: number | readonly [number, number, number]
  std: number | readonly [number, number, number]
  fit: "crop" | "stretch"
  /** The part of the largest rectangle of the input's shape that is kept, in its middle. */
  cropFraction: number
}

/**
 * Source pixels for each pixel of the input that a codec has to leave: more of them gain nothing beyond chance, one
 * alone costs a picture or two in 25 (docs/decisions/0009-codecs.md).
 */
const OVERSAMPLING = 2

/** How many times smaller a picture may be decoded, given the size that a person sees, without the model minding. */
export function maxShrinkFor({ width, height }: { width: number; height: number }, rule: InputRule): number {
  const scale = Math.min(width / rule.width, height / rule.height)
  return ((rule.fit === "crop" ? rule.cropFraction : 1) * scale) / OVERSAMPLING
}

/** ITU-R BT.601, as in tf.image.rgb_to_grayscale and in Teachable Machine's own library. */
const LUMA = [0.2989, 0.587, 0.114]

/** Two neighbouring pixels, as offsets, and the share of the second. */
type Tap = { near: number; far: number; share: number }

/**
 * Orients, crops, resizes (bilinear, half-pixel centres, no antialias) and normalises in one pass, reading only the four
 * pixels that each target pixel needs, so that a photo costs the same at any size.
 */
export function fillInput(input: Float32Array, image: DecodedImage, rule: InputRule): void {
  const view = orientedView(image, image.orientation)
  const scale = rule.cropFraction * Math.min(view.width / rule.width, view.height / rule.height)
  const crop = rule.fit === "crop"
  const columns = taps(rule.width, view.width, crop ? scale : view.width / rule.width, view.stepX)
  const rows = taps(rule.height, view.height, crop ? scale : view.height / rule.height, view.stepY)
  const [mean, std] = [perChannel(rule.mean), perChannel(rule.std)]
  const { rgb } = image
  const isGray = rule.channels === "gray"
  const isBgr = rule.channels === "bgr"
  let target = 0
  for (const row of rows) {
    for (const column of columns) {
      const topLeft = (view.origin + row.near + column.near) * 3
      const topRight = (view.origin + row.near + column.far) * 3
      const bottomLeft = (view.origin + row.far + column.near) * 3
      const bottomRight = (view.origin + row.far + column.far) * 3
      let luma = 0
      for (let channel = 0; channel < 3; channel++) {
        const top = mix(rgb[topLeft + channel] ?? 0, rgb[topRight + channel] ?? 0, column.share)
        const bottom = mix(rgb[bottomLeft + channel] ?? 0, rgb[bottomRight + channel] ?? 0, column.share)
        const value = mix(top, bottom, row.share)
        if (isGray) luma += value * (LUMA[channel] ?? 0)
        else input[target + (isBgr ? 2 - channel : channel)] = (value - (mean[channel] ?? 0)) / (std[channel] ?? 1)
      }
      if (isGray) input[target] = (luma - mean[0]) / std[0]
      target += isGray ? 1 : 3
    }
  }
}

/** Where the centres of `count` target pixels fall on a side of `sidePx` pixels, `scale` source pixels apart, centred. */
function taps(count: number, sidePx: number, scale: number, step: number): Tap[] {
  const start = (sidePx - count * scale) / 2
  return Array.from({ length: count }, (_, index) => {
    const at = Math.min(Math.max(start + (index + 0.5) * scale - 0.5, 0), sidePx - 1)
    const near = Math.floor(at)
    return { near: near * step, far: Math.min(near + 1, sidePx - 1) * step, share: at - near }
  })
}

function mix(first: number, second: number, share: number): number {
  return first + (second - first) * share
}

function perChannel(value: number | readonly [number, number, number]): readonly [number, number, number] {
  return typeof value === "number" ? [value, value, value] : value
}

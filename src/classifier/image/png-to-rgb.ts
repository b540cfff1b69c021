import type { DecodedPng } from "fast-png"
import { damagedPng } from "./png-chunks.ts"

/** Red, green and blue in a byte each, from any PNG's samples. What is transparent shows white, as on most pages. */
export function pngToRgb(png: DecodedPng): Uint8Array {
  const rgb = new Uint8Array(png.width * png.height * 3)
  if (png.palette) fillFromPalette(rgb, png, png.palette)
  else if (png.depth < 8) fillFromPackedGrey(rgb, png)
  else fillFromSamples(rgb, png)
  return rgb
}

function fillFromPalette(rgb: Uint8Array, png: DecodedPng, palette: number[][]): void {
  const colors = palette.map(([red = 0, green = 0, blue = 0, alpha = 255]) =>
    [red, green, blue].map((value) => overWhite(value, alpha / 255)),
  )
  eachPackedSample(png, (index, pixel) => {
    const color = colors[index]
    if (!color) throw damagedPng("a pixel's colour is not in its palette")
    rgb.set(color, pixel * 3)
  })
}

function fillFromPackedGrey(rgb: Uint8Array, png: DecodedPng): void {
  const largest = 2 ** png.depth - 1
  const clear = png.transparency?.[0]
  eachPackedSample(png, (sample, pixel) => {
    rgb.fill(sample === clear ? 255 : Math.round((sample * 255) / largest), pixel * 3, pixel * 3 + 3)
  })
}

/** Rows start at whole bytes; samples under 8 bits share them, first sample in the high bits. */
function eachPackedSample(png: DecodedPng, use: (sample: number, pixel: number) => void): void {
  const { width, height, depth, data } = png
  const rowBytes = Math.ceil((width * depth) / 8)
  const mask = 2 ** depth - 1
  for (let y = 0, pixel = 0; y < height; y++) {
    for (let x = 0; x < width; x++, pixel++) {
      const bit = x * depth
      const byte = data[y * rowBytes + (bit >> 3)] ?? 0
      use((byte >> (8 - depth - (bit & 7))) & mask, pixel)
    }
  }
}

function fillFromSamples(rgb: Uint8Array, { data, depth, channels, transparency }: DecodedPng): void {
  // 16 bits: the high byte is what a byte can hold of it.
  const shift = depth === 16 ? 8 : 0
  const largest = 2 ** depth - 1
  const isGrey = channels < 3
  const hasAlpha = channels === 2 || channels === 4
  const [clearRed, clearGreen = clearRed, clearBlue = clearRed] = transparency ?? []
  for (let from = 0, to = 0; to < rgb.length; from += channels, to += 3) {
    const red = data[from] ?? 0
    const green = isGrey ? red : (data[from + 1] ?? 0)
    const blue = isGrey ? red : (data[from + 2] ?? 0)
    const isClear = red === clearRed && green === clearGreen && blue === clearBlue
    const opacity = hasAlpha ? (data[from + channels - 1] ?? 0) / largest : isClear ? 0 : 1
    rgb[to] = overWhite(red >> shift, opacity)
    rgb[to + 1] = overWhite(green >> shift, opacity)
    rgb[to + 2] = overWhite(blue >> shift, opacity)
  }
}

function overWhite(value: number, opacity: number): number {
  return Math.round(value * opacity + 255 * (1 - opacity))
}

import type Sharp from "sharp"

export type SharpModule = typeof Sharp

/**
 * Loaders that no picture of ours needs. libvips looks at the bytes itself, so that a file which passes for a GIF here
 * could else be drawn as SVG there; and a photo with a gain map is to be read as the JPEG that it is.
 */
const BLOCKED_LOADERS = ["Svg", "Pdf", "Magick", "Uhdr", "Jp2k", "Jxl", "Ppm", "Fits", "Openexr", "Rad", "Vips", "Csv"]

/**
 * libvips through sharp, set up for lanes: one core for each, and nothing kept from one picture for the next. Rejects
 * where its binary does not load. A process loads it in its main thread first, or threads that end would unload it.
 */
export async function loadSharp(): Promise<SharpModule> {
  const { default: sharp } = await import("sharp")
  sharp.concurrency(1)
  sharp.cache(false)
  sharp.block({ operation: BLOCKED_LOADERS.map((name) => `VipsForeignLoad${name}`) })
  return sharp
}

import { createLimiter } from "./limiter.ts"

const HEIGHT = 256
const MAX_WIDTH = 512
/** A decoded picture of 50 megapixels takes 200 MB. */
const oneByOne = createLimiter(1)

/** A small JPEG of a picture, upright; null where the browser cannot read it. */
export function makeThumbnail(file: Blob): Promise<Blob | null> {
  return oneByOne(async () => {
    try {
      const bitmap = await createImageBitmap(file, { resizeHeight: HEIGHT, resizeQuality: "medium" })
      const canvas = document.createElement("canvas")
      canvas.width = Math.min(bitmap.width, MAX_WIDTH)
      canvas.height = bitmap.height
      const context = canvas.getContext("2d")
      if (context === null) return null
      // Transparent pixels would turn black.
      context.fillStyle = "#fff"
      context.fillRect(0, 0, canvas.width, canvas.height)
      context.drawImage(bitmap, (canvas.width - bitmap.width) / 2, 0)
      bitmap.close()
      return await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.8))
    } catch {
      return null // The browser cannot decode it; the server may.
    }
  })
}

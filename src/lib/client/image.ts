import { ClaimcheckError } from "./claimcheck-error.ts"
import type { Body } from "./connection.ts"

/** The bytes of an image, or its URL, which a classifier fetches. */
export type Image =
  | Blob
  | ArrayBuffer
  | Uint8Array
  | URL
  | `http://${string}`
  | `https://${string}`
  | `data:${string}`
  | { imageUrl: string | URL }

export type ImageBody = { contentType: string; body: Body }

/** @throws TypeError for an unsupported type, with the supported ones */
export function toImageBody(image: Image): ImageBody {
  if (image instanceof Blob) return { contentType: image.type || "application/octet-stream", body: image }
  if (image instanceof ArrayBuffer || ArrayBuffer.isView(image)) {
    return { contentType: "application/octet-stream", body: image as Uint8Array<ArrayBuffer> }
  }
  if (typeof image === "string" && /^data:/i.test(image)) return jsonBody({ image })
  const url = typeof image === "object" && image !== null && !(image instanceof URL) ? urlIn(image) : image
  if (url instanceof URL || (typeof url === "string" && /^https?:\/\//i.test(url))) {
    return jsonBody({ image_url: String(url) })
  }
  const what = typeof url === "string" ? JSON.stringify(url.slice(0, 80)) : "it"
  throw new TypeError(
    `Cannot send ${what}: a picture is a Blob or File, an ArrayBuffer, a Uint8Array, an http(s) URL, or { imageUrl }; read a file first, on Node with fs.openAsBlob(path), and a Response with blob()`,
  )
}

const urlIn = (image: object) => ("imageUrl" in image ? image.imageUrl : undefined)

function jsonBody(body: Record<string, string>): ImageBody {
  return { contentType: "application/json", body: JSON.stringify(body) }
}

/** The longer side of a smaller copy: twice the input of the largest common models. */
export const COPY_SIDE_PX = 1_024
const COPY_QUALITY = 0.9

/**
 * A smaller JPEG of a picture, upright and with its shape kept.
 * @throws ClaimcheckError cannot_shrink where the platform has no canvas; what the browser says of a picture that it cannot decode
 */
export async function smallerCopy(picture: Blob): Promise<Blob> {
  if (typeof createImageBitmap !== "function" || typeof OffscreenCanvas !== "function") {
    throw new ClaimcheckError(
      "cannot_shrink",
      "Cannot make a smaller copy: this platform has no OffscreenCanvas; pass a function as `shrink` that makes one",
    )
  }
  const bitmap = await createImageBitmap(picture)
  const share = Math.min(1, COPY_SIDE_PX / Math.max(bitmap.width, bitmap.height))
  const side = (px: number) => Math.max(1, Math.round(px * share))
  const canvas = new OffscreenCanvas(side(bitmap.width), side(bitmap.height))
  const context = canvas.getContext("2d")
  if (context === null) throw new ClaimcheckError("cannot_shrink", "Cannot make a smaller copy: there is no 2d canvas")
  context.imageSmoothingQuality = "high"
  // What is transparent would turn black.
  context.fillStyle = "#fff"
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  bitmap.close()
  return canvas.convertToBlob({ type: "image/jpeg", quality: COPY_QUALITY })
}

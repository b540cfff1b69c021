import { ClaimcheckError } from "../../lib/client/claimcheck.ts"
import { COPY_SIDE_PX } from "../../lib/client/image.ts"

/**
 * A smaller JPEG of a picture, upright, as the client makes it in a browser.
 * @throws ClaimcheckError cannot_shrink where sharp is not installed; sharp's own for what it cannot decode
 */
export async function shrinkPicture(picture: Blob): Promise<Blob> {
  const { default: sharp } = await import("sharp").catch((cause: unknown) => {
    throw new ClaimcheckError("cannot_shrink", "Cannot make a smaller copy: sharp cannot be loaded here", { cause })
  })
  const bytes = await sharp(await picture.arrayBuffer())
    .rotate()
    .resize({ width: COPY_SIDE_PX, height: COPY_SIDE_PX, fit: "inside", withoutEnlargement: true })
    .flatten({ background: "#fff" })
    .jpeg({ quality: 90 })
    .toBuffer()
  return new Blob([new Uint8Array(bytes)], { type: "image/jpeg" })
}

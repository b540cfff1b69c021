import { readImageHeader, refuseLargeImage, seenImage } from "../../lib/images/image-header.ts"
import type { Work } from "./work.ts"

/** What the header says. */
export const inspect: Work<"inspect"> = ({ bytes }, { limits, nowMs }) => {
  const startMs = nowMs()
  const header = readImageHeader(bytes)
  refuseLargeImage(header, limits)
  return { image: seenImage(header), timingsMs: { decode: nowMs() - startMs, infer: 0 } }
}

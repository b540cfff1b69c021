import { STDIN } from "./read-image-file.ts"
import { sampleNameOf } from "./read-sample.ts"

/** Whether an input is a picture's URL, for the server to fetch, and no file. */
export function isPictureUrl(input: string): boolean {
  return /^https?:\/\//i.test(input)
}

/** What a file that is made of an input is called after: itself, or the last part of its URL's path. */
export function fileNameOf(input: string): string {
  if (input === STDIN) return "stdin"
  if (!isPictureUrl(input)) return sampleNameOf(input) ?? input
  const path = URL.canParse(input) ? new URL(input).pathname : ""
  // Decoded it could be a path of its own, up and away.
  return (
    path
      .split("/")
      .at(-1)
      ?.replace(/[^\w.-]/g, "_") || "picture"
  )
}

import { endingOf } from "../../lib/images/image-formats.ts"

const MAX_SEGMENT_CHARS = 100

/**
 * A name of file or object that is one everywhere: letters, digits, "-", "_" and "." (not first). Anything else, a path
 * above all, becomes "_".
 */
function safeSegment(text: string): string {
  const safe = text
    .slice(0, MAX_SEGMENT_CHARS)
    .replace(/[^A-Za-z0-9._-]/g, "_")
    .replace(/^\.+/, "_")
  return safe === "" ? "_" : safe
}

/** The name with the ending that its content type is known by. Each segment is made safe, whoever made it. */
export function fileNameOf({ name, contentType }: { name: string; contentType: string }): string {
  return `${name.split("/").map(safeSegment).join("/")}.${endingOf(contentType)}`
}

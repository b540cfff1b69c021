import { element } from "./element.ts"

/** Downloads a file. */
export function saveAs(name: string, parts: BlobPart[], type = "text/csv"): void {
  const url = URL.createObjectURL(new Blob(parts, { type }))
  element("a", { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

import { element } from "./element.ts"

/** Hands a file to whoever sits here, as a download. */
export function saveAs(name: string, parts: BlobPart[], type = "text/csv"): void {
  const url = URL.createObjectURL(new Blob(parts, { type }))
  element("a", { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

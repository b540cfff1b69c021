/** What may stand between two URLs of a cell. */
const isSeparator = (char: string | undefined) => char !== undefined && /[\s,;|]/.test(char)
/** Before another URL a comma divides; within one it may belong to it (https://cdn.example/w_300,h_200/cat.jpg). */
const SCHEME = /[a-z][a-z0-9+.-]*:\/\//iy

export type SplitUrls = {
  urls: string[]
  /** What stood between the first two of them. */
  separator: string
}

/** The URLs of one cell, divided by commas, semicolons, bars, blanks or line ends. Takes time in proportion to its length. */
export function splitUrls(cell: string): SplitUrls {
  let from = 0
  let end = cell.length
  while (isSeparator(cell[from])) from++
  while (end > from && isSeparator(cell[end - 1])) end--
  const urls: string[] = []
  let separator = ","
  const between = /[\s,;|]+/g
  between.lastIndex = from
  for (let found = between.exec(cell); found !== null && found.index < end; found = between.exec(cell)) {
    SCHEME.lastIndex = between.lastIndex
    if (!SCHEME.test(cell)) continue
    if (urls.length === 0) separator = found[0]
    urls.push(cell.slice(from, found.index))
    from = between.lastIndex
  }
  if (from < end) urls.push(cell.slice(from, end))
  return { urls, separator }
}

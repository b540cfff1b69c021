/** How a column with pictures may be called, best first; blanks, case and punctuation do not count. */
const NAMES = [
  /^urls?$/,
  /^(input)?(image|picture|photo|img)(ur[li]s?|links?)$/,
  /^(?!output).*ur[li]s?$/,
  /^(image|picture|photo|img|link|src|href)s?$/,
]

/** Of a name that can be asked for. */
export const MAX_URL_COLUMN_CHARS = 200

/** A header's name as it is compared: "Input Image URLs" is "inputimageurls". */
const plainName = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "")

/** Which of these names is the one asked for, or else most likely that of the column with the URLs; -1 for none. */
export function findUrlColumn(names: readonly string[], asked?: string): number {
  const plain = names.map(plainName)
  if (asked !== undefined) return names.includes(asked) ? names.indexOf(asked) : plain.indexOf(plainName(asked))
  for (const pattern of NAMES) {
    const found = plain.findIndex((name) => pattern.test(name))
    if (found !== -1) return found
  }
  return -1
}

/** Whether a cell begins like something that can be fetched; a first record with one is no header. */
export const looksLikeUrl = (cell: string): boolean => /^\s*https?:\/\//i.test(cell)

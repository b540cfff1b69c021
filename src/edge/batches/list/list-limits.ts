/** What a list may hold. A spreadsheet's own cell ends at 32,767 characters. */
export type ListLimits = {
  maxRows: number
  maxCellChars: number
  maxRowChars: number
  maxColumns: number
  /** Of all columns together: each look at the batch reads them. */
  maxNameChars: number
  maxUrlsPerRow: number
}

export const LIST_LIMITS = {
  maxCellChars: 32_768,
  maxRowChars: 131_072,
  maxColumns: 100,
  maxNameChars: 16_384,
  maxUrlsPerRow: 100,
} as const satisfies Partial<ListLimits>

/** A row of a batch as it is stored: its cells, and the images that it names. */
export type ListRow = {
  /** By column; null where a row has none. */
  cells: (string | null)[]
  /** Numbers of its images within the batch. A repeated URL has its first number. */
  pictures: number[]
  /** The separator of its URLs; absent for a comma or a single URL. */
  separator?: string
  /** Why it was not taken. */
  problem?: string
}

/** A piece of a list: rows, and the URLs that occur in them for the first time. Its place in the batch is the batch's to know. */
export type ListChunk = { rows: ListRow[]; urls: string[] }

type StoredRow = [cells: (string | null)[], pictures: number[], separator?: string | null, problem?: string]

export function encodeRow({ cells, pictures, separator, problem }: ListRow): string {
  const row: StoredRow = [cells, pictures]
  if (separator !== undefined || problem !== undefined) row.push(separator ?? null)
  if (problem !== undefined) row.push(problem)
  return JSON.stringify(row)
}

/** @param rows as encodeRow() wrote them */
export function encodeChunk(rows: readonly string[], urls: readonly string[]): string {
  return `{"rows":[${rows.join(",")}],"urls":${JSON.stringify(urls)}}`
}

export function decodeChunk(text: string): ListChunk {
  const { rows, urls } = JSON.parse(text) as { rows: StoredRow[]; urls: string[] }
  return {
    urls,
    rows: rows.map(([cells, pictures, separator, problem]) => ({
      cells,
      pictures,
      ...(separator != null && { separator }),
      ...(problem !== undefined && { problem }),
    })),
  }
}

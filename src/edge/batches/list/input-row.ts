/** A row as its sender wrote it, before its URLs are checked. */
export type InputRow = {
  /** Line of the text that it begins in. */
  line: number
  /** By column; null where a row has none. */
  cells: (string | null)[]
  /** Name of the column that the URLs stand in. */
  column: string
  /** As they stand there, divided already. */
  urls: string[]
  separator: string
  /** What is wrong with the row as a whole. */
  problem?: string
}

/** What the columns are called, complete once the last row was read. */
export type Columns = { names: string[]; urlColumn: number }

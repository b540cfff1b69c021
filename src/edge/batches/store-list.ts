import { AppError } from "../../lib/app-error.ts"
import type { BatchStore } from "../../lib/batches/batch-store.ts"
import { encodeChunk, encodeRow, type ListRow } from "../../lib/batches/list-chunk.ts"
import { sha256Hex } from "../../lib/sha256.ts"
import { checkRow, type RowProblem } from "./list/check-row.ts"
import type { InputRow } from "./list/input-row.ts"
import type { ListLimits } from "./list/list-limits.ts"
import type { OpenList } from "./list/read-list.ts"

/** Chunks grow by a tenth, so that 45 hold the longest list: a Worker on the free plan may send 50 requests. */
const FIRST_CHUNK_CHARS = 64_000
const CHUNK_GROWTH = 1.1
const MAX_PROBLEMS_SHOWN = 100

export type StoredList = {
  rows: number
  skipped: number
  pictures: number
  bytes: number
  chunks: [firstRow: number, firstPicture: number][]
  /** SHA-256 over all of it. */
  sha256: string
  /** Of the rows that cannot be taken, the first hundred. */
  problems: RowProblem[]
}

export type StoreListOptions = {
  store: Pick<BatchStore, "putChunk">
  listId: string
  limits: ListLimits
  /** Takes what can be taken; else the first bad row is the end of storing, though not of looking. */
  skipsInvalid: boolean
}

/** Checks the rows of a list as they come and stores them in chunks: never more than one chunk of it is held. */
export class ListStorer {
  readonly #options: StoreListOptions
  readonly #pictures = new Map<string, number>()
  readonly #chunks: [number, number][] = []
  readonly #hashes: string[] = []
  #bytes = 0
  readonly #problems: RowProblem[] = []
  #rows = 0
  #skipped = 0
  #pending: { rows: string[]; urls: string[]; chars: number } = { rows: [], urls: [], chars: 0 }
  #storing: Promise<void> = Promise.resolve()

  constructor(options: StoreListOptions) {
    this.#options = options
  }

  /** How many chunks lie in Redis by now, in case that they are to be dropped. */
  get chunks(): number {
    return this.#chunks.length
  }

  /** @throws AppError list_too_large, invalid_list, redis_unavailable */
  async store({ pages }: Pick<OpenList, "pages">): Promise<StoredList> {
    try {
      for await (const page of pages) {
        for (const row of page) {
          this.#add(row)
          if (this.#pending.chars >= this.#chunkChars()) await this.#flush()
        }
      }
      if (this.#pending.rows.length > 0) await this.#flush()
    } finally {
      // What is under way must have ended before anybody drops it.
      await this.#storing.catch(() => undefined) // Reported where it is awaited.
    }
    await this.#storing
    return {
      rows: this.#rows,
      skipped: this.#skipped,
      pictures: this.#pictures.size,
      bytes: this.#bytes,
      chunks: this.#chunks,
      sha256: await sha256Hex(new TextEncoder().encode(this.#hashes.join())),
      problems: this.#problems,
    }
  }

  #add(input: InputRow): void {
    const { limits, skipsInvalid } = this.#options
    if (++this.#rows > limits.maxRows) {
      throw new AppError(
        "list_too_large",
        `Cannot accept the list: it has more than ${limits.maxRows} rows (MAX_BATCH_ROWS)`,
      )
    }
    const checked = checkRow(input, this.#rows, limits.maxUrlsPerRow)
    if ("problem" in checked) {
      this.#skipped++
      if (this.#problems.length < MAX_PROBLEMS_SHOWN) this.#problems.push(checked.problem)
      if (skipsInvalid) this.#append({ cells: input.cells, pictures: [], problem: reasonOf(checked.problem) })
    } else if (this.#skipped === 0 || skipsInvalid) {
      const { separator, cells } = input
      const pictures = checked.hrefs.map((href) => this.#pictureOf(href))
      this.#append({ cells, pictures, ...(pictures.length > 1 && separator !== "," && { separator }) })
    }
  }

  #pictureOf(href: string): number {
    const known = this.#pictures.get(href)
    if (known !== undefined) return known
    const { maxRows } = this.#options.limits
    const picture = this.#pictures.size
    if (picture >= maxRows) {
      throw new AppError(
        "list_too_large",
        `Cannot accept the list: it has more than ${maxRows} different URLs (MAX_BATCH_ROWS)`,
      )
    }
    this.#pictures.set(href, picture)
    this.#pending.urls.push(href)
    this.#pending.chars += href.length
    return picture
  }

  #append(row: ListRow): void {
    const text = encodeRow(row)
    this.#pending.rows.push(text)
    this.#pending.chars += text.length
  }

  #chunkChars(): number {
    return FIRST_CHUNK_CHARS * CHUNK_GROWTH ** this.#chunks.length
  }

  /** One chunk is on its way while the next is read. */
  async #flush(): Promise<void> {
    const { rows, urls } = this.#pending
    this.#pending = { rows: [], urls: [], chars: 0 }
    await this.#storing
    // A list that will be refused is only looked at.
    if (this.#skipped > 0 && !this.#options.skipsInvalid) return
    const bytes = new TextEncoder().encode(encodeChunk(rows, urls))
    this.#bytes += bytes.length
    this.#hashes.push(await sha256Hex(bytes))
    const index = this.#chunks.length
    const before = this.#rows - rows.length
    this.#chunks.push([before, this.#pictures.size - urls.length])
    this.#storing = this.#options.store.putChunk(this.#options.listId, index, bytes)
    // It is looked at before the next one; meanwhile it must not count as unhandled.
    this.#storing.catch(() => undefined) // Reported where it is awaited.
  }
}

const reasonOf = ({ column, reason }: RowProblem) => (column === "" ? `The row ${reason}` : `${column} ${reason}`)

import type { BatchPlan } from "../../lib/batches/batch.ts"
import type { BatchStore } from "../../lib/batches/batch-store.ts"
import type { Picture } from "../../lib/batches/picture-job.ts"

const MAX_CHUNKS_HELD = 8

type Chunk = { firstPicture: number; pictures: Picture[] }

/** Reads the pictures of batches from their lists. Keeps the chunks that it used last: a enqueuer comes back to them. */
export class ListReader {
  readonly #store: Pick<BatchStore, "getChunk">
  readonly #held = new Map<string, Chunk>()

  constructor(store: Pick<BatchStore, "getChunk">) {
    this.#store = store
  }

  /** Up to `count` pictures from `from` on, those of one chunk. @throws AppError list_expired */
  async read(plan: BatchPlan, from: number, count: number): Promise<Picture[]> {
    if (from >= plan.pictures) return []
    // Of chunks without a new picture the last begins where the next one does.
    const index = plan.chunks.findLastIndex(([, firstPicture]) => firstPicture <= from)
    const { firstPicture, pictures } = await this.#chunk(plan, index)
    return pictures.slice(from - firstPicture, from - firstPicture + count)
  }

  async #chunk(plan: BatchPlan, index: number): Promise<Chunk> {
    const key = `${plan.listId}:${index}`
    const held = this.#held.get(key)
    this.#held.delete(key)
    const chunk = held ?? (await this.#load(plan, index))
    this.#held.set(key, chunk)
    for (const oldest of this.#held.keys()) {
      if (this.#held.size <= MAX_CHUNKS_HELD) break
      this.#held.delete(oldest)
    }
    return chunk
  }

  async #load({ listId, chunks }: BatchPlan, index: number): Promise<Chunk> {
    const [firstRow, firstPicture] = chunks[index] ?? [0, 0]
    const { rows, urls } = await this.#store.getChunk(listId, index)
    const pictures = urls.map((url, i) => ({ picture: firstPicture + i, url, row: 0 }))
    for (const [i, row] of rows.entries()) {
      for (const picture of row.pictures) {
        const first = pictures[picture - firstPicture]
        if (first !== undefined && first.row === 0) first.row = firstRow + i + 1
      }
    }
    return { firstPicture, pictures }
  }
}

import { commit, settled } from "../browser/indexed-db.ts"
import type { Batch } from "./batch.ts"

/** The lists of this browser, over reloads. */
export type BatchHistory = {
  load(): Promise<Batch[]>
  save(batch: Batch): Promise<void>
  remove(id: string): Promise<void>
}

/** @throws DOMException where the browser keeps nothing */
export async function openBatchHistory(name = "claimcheck-batches"): Promise<BatchHistory> {
  const opening = indexedDB.open(name, 1)
  opening.onupgradeneeded = () => void opening.result.createObjectStore("batches", { keyPath: "id" })
  const db = await settled(opening)
  const within = async <T>(work: (batches: IDBObjectStore) => IDBRequest<T>): Promise<T> => {
    const transaction = db.transaction("batches", "readwrite")
    const request = work(transaction.objectStore("batches"))
    await commit(transaction)
    return request.result
  }
  return {
    load: () => within((batches) => batches.getAll() as IDBRequest<Batch[]>),
    save: async (batch) => void (await within((batches) => batches.put(batch))),
    remove: async (id) => void (await within((batches) => batches.delete(id))),
  }
}

/** Where the browser keeps nothing, all is gone with the page. */
export function openForgetfulBatchHistory(): BatchHistory {
  return { load: async () => [], save: async () => undefined, remove: async () => undefined }
}

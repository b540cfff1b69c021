import { commit, settled } from "../browser/indexed-db.ts"
import type { Picture } from "./picture.ts"

/** What is kept beside a picture: its bytes until they are uploaded, and a small picture of it. */
export type BlobKind = "file" | "thumbnail"

/** The pictures of this browser, over reloads. */
export type History = {
  load(): Promise<Picture[]>
  save(picture: Picture): Promise<void>
  saveBlob(id: string, kind: BlobKind, blob: Blob): Promise<void>
  readBlob(id: string, kind: BlobKind): Promise<Blob | undefined>
  removeBlob(id: string, kind: BlobKind): Promise<void>
  remove(ids: readonly string[]): Promise<void>
}

const KINDS: readonly BlobKind[] = ["file", "thumbnail"]

/** @throws DOMException where the browser keeps nothing */
export async function openHistory(name = "claimcheck"): Promise<History> {
  const opening = indexedDB.open(name, 1)
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore("pictures", { keyPath: "id" })
    opening.result.createObjectStore("blobs")
  }
  const db = await settled(opening)
  const within = async <T>(work: (stores: Stores) => IDBRequest<T> | undefined): Promise<T | undefined> => {
    const transaction = db.transaction(["pictures", "blobs"], "readwrite")
    const request = work({ pictures: transaction.objectStore("pictures"), blobs: transaction.objectStore("blobs") })
    await commit(transaction)
    return request?.result
  }
  return {
    load: async () => ((await within(({ pictures }) => pictures.getAll())) ?? []) as Picture[],
    save: async (picture) => void (await within(({ pictures }) => pictures.put(picture))),
    saveBlob: async (id, kind, blob) => void (await within(({ blobs }) => blobs.put(blob, [id, kind]))),
    readBlob: (id, kind) => within(({ blobs }) => blobs.get([id, kind]) as IDBRequest<Blob | undefined>),
    removeBlob: async (id, kind) => void (await within(({ blobs }) => blobs.delete([id, kind]))),
    remove: async (ids) => {
      await within(({ pictures, blobs }) => {
        for (const id of ids) {
          pictures.delete(id)
          for (const kind of KINDS) blobs.delete([id, kind])
        }
        return undefined
      })
    },
  }
}

/** Where the browser keeps nothing, all is gone with the page. */
export function openForgetfulHistory(): History {
  return {
    load: async () => [],
    save: async () => undefined,
    saveBlob: async () => undefined,
    readBlob: async () => undefined,
    removeBlob: async () => undefined,
    remove: async () => undefined,
  }
}

type Stores = { pictures: IDBObjectStore; blobs: IDBObjectStore }

import type { BatchPlan } from "../../../src/lib/batches/batch.ts"
import type { BatchStore, LeasedBatch, NextEnqueued } from "../../../src/lib/batches/batch-store.ts"
import { encodeChunk, encodeRow } from "../../../src/lib/batches/list-chunk.ts"
import { T0 } from "./store-harness.ts"

const DAY_MS = 86_400_000
export const QUEUE = "@inspect@url"

/** A plan of `pictures` pictures, a row each. */
export function planOf(id: string, options: Partial<BatchPlan> = {}): BatchPlan {
  const pictures = options.pictures ?? 6
  return {
    id,
    ticketId: `bat_${id}`,
    caller: "key:a",
    weight: 1,
    operation: { name: "inspect" },
    queue: QUEUE,
    createdMs: T0,
    deadlineMs: T0 + DAY_MS,
    keepUntilMs: T0 + 2 * DAY_MS,
    maxAttempts: 2,
    size: 3,
    rows: pictures,
    skipped: 0,
    pictures,
    columns: ["url"],
    hasMark: false,
    listId: `list-of-${id}`,
    chunks: [[0, 0]],
    fingerprint: `print-of-${id}`,
    origin: "https://edge.example",
    ...options,
  }
}

export const urlOf = (picture: number) => `https://pictures.example/${picture}.jpg`

/** The list first, then the batch, as an edge does it. */
export async function createBatch(store: BatchStore, plan: BatchPlan) {
  const urls = Array.from({ length: plan.pictures }, (_none, picture) => urlOf(picture))
  const rows = urls.map((url, picture) => encodeRow({ cells: [url], pictures: [picture] }))
  await store.putChunk(plan.listId, 0, new TextEncoder().encode(encodeChunk(rows, urls)))
  return store.create(plan)
}

/** One batch that is due, under a fresh token. */
let tokens = 0
export async function lendOne(store: BatchStore, nowMs = T0): Promise<LeasedBatch | undefined> {
  return (await store.lease({ nowMs, token: `feeder-${++tokens}`, max: 1 })).leased[0]
}

export function feedNext(store: BatchStore, leased: LeasedBatch, nowMs = T0, count = 64): Promise<NextEnqueued> {
  const { cursor } = leased.batch.progress
  const pictures = Array.from({ length: Math.min(count, leased.batch.plan.pictures - cursor) }, (_none, i) => {
    return { picture: cursor + i, row: cursor + i + 1, url: urlOf(cursor + i) }
  })
  return store.enqueueNext(leased, { cursor, pictures, nowMs })
}

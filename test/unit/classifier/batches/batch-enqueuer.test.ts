import { expect, it } from "vitest"
import { BatchEnqueuer } from "../../../../src/classifier/batches/batch-enqueuer.ts"
import { Reachability } from "../../../../src/classifier/loops/until-reached.ts"
import { AppError } from "../../../../src/lib/app-error.ts"
import type { Batch } from "../../../../src/lib/batches/batch.ts"
import { createLog } from "../../../../src/lib/log.ts"

it.each([
  { code: "payload_unreadable", status: "ended", isTold: true },
  { code: "list_expired", status: "ended", isTold: true },
  // Its list went with the batch, which was canceled after it was leased.
  { code: "list_expired", status: "finished", isTold: false },
] as const)(
  "a batch whose list is gone is ended, and it is an error unless it had ended before: $code, $status",
  async ({ code, status, isTold }) => {
    const lines: string[] = []
    const log = createLog({ server: "test", script: "classifier", write: (line) => void lines.push(line) })
    const plan = { id: "b", listId: "l", pictures: 3, rows: 3, size: 2, chunks: [[0, 0]] }
    const batch = { plan, progress: { cursor: 0, succeeded: 0, failed: 0, canceled: 0 } } as unknown as Batch
    const stop = new AbortController()
    const ended: string[] = []
    let leased = 0
    const enqueuer = new BatchEnqueuer({
      store: {
        lease: async () => ({
          leased: leased++ === 0 ? [{ batch, token: "t", deadlineMs: Number.MAX_SAFE_INTEGER }] : [],
          unreadable: [],
          nextDueMs: null,
        }),
        enqueueNext: () => Promise.reject(new Error("nothing can be enqueued")),
        getChunk: () => Promise.reject(new AppError(code, "the list")),
        end: async (id, how, _nowMs, error) => {
          ended.push(`${id} ${how} ${error?.code}`)
          return { status, inFlight: 0, batch }
        },
      } as ConstructorParameters<typeof BatchEnqueuer>[0]["store"],
      now: () => Date.now(),
      isListening: () => true,
      reachability: new Reachability(log),
      log,
    })
    const run = enqueuer.run(stop.signal)
    await expect.poll(() => ended).toEqual([`b expired ${code}`])
    stop.abort()
    await run
    expect(lines.some((line) => line.includes("batch.list_lost") && line.includes(code))).toBe(isTold)
    expect(lines.some((line) => line.includes("batch.ended"))).toBe(isTold)
  },
)

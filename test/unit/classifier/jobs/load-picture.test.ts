import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { loadPicture, type PictureDeps } from "../../../../src/classifier/jobs/load-picture.ts"
import type { ClaimedJob } from "../../../../src/lib/queue/job.ts"

const JOB = { payloadId: "p", input: { source: { kind: "payload" } } } as ClaimedJob
const BYTES = new Uint8Array([1, 2, 3])

describe("loadPicture()", () => {
  let missing: number
  let looks: number
  beforeEach(() => {
    vi.useFakeTimers()
    looks = 0
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  const load = (signal: AbortSignal) => {
    const getPayload = async () => (++looks > missing ? BYTES : null)
    return loadPicture({ store: { getPayload } } as unknown as PictureDeps, JOB, { signal, reach: (call) => call() })
  }

  it("finds bytes that a lagging replica did not have at first", async () => {
    missing = 2
    const loaded = load(new AbortController().signal)
    await vi.runAllTimersAsync()
    expect(await loaded).toEqual(BYTES)
  })

  it("ends with payload_expired when they stay away", async () => {
    missing = Number.POSITIVE_INFINITY
    const failed = expect(load(new AbortController().signal)).rejects.toMatchObject({ code: "payload_expired" })
    await vi.runAllTimersAsync()
    await failed
    expect(looks).toBe(3)
  })

  it("looks no more once its signal is aborted", async () => {
    missing = Number.POSITIVE_INFINITY
    const controller = new AbortController()
    const failed = expect(load(controller.signal)).rejects.toThrow("enough")
    await vi.advanceTimersByTimeAsync(1)
    controller.abort(new Error("enough"))
    await failed
    expect(looks).toBe(1)
  })
})

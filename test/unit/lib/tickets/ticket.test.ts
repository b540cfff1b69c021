import { describe, expect, it } from "vitest"
import type { Job } from "../../../../src/lib/queue/job.ts"
import { toTicket } from "../../../../src/lib/tickets/ticket.ts"

describe("toTicket()", () => {
  it("shows no instant before the creation: the edge stamps it by its clock, and Redis' clock can be behind", () => {
    const createdMs = 1_700_000_000_000
    const behind = createdMs - 9
    const job = {
      id: "a",
      state: "failed",
      error: { code: "invalid_image", message: "It is damaged" },
      operation: "inspect",
      input: { ticketId: "cls_a", operation: { name: "inspect" }, source: { kind: "payload" }, fingerprint: "" },
      attempts: 2,
      createdMs,
      deadlineMs: createdMs + 60_000,
      startedMs: behind,
      claimedMs: behind,
      worker: "w",
      history: [{ attempt: 1, startedMs: behind, endedMs: behind + 2, worker: "w", reason: "the lane died" }],
      finishedMs: createdMs - 1,
    } as unknown as Job
    const { created_at, started_at, finished_at, attempt_history, timings_ms } = toTicket(job, null)
    const history = attempt_history?.flatMap((attempt) => [attempt.started_at, attempt.ended_at])
    expect([started_at, finished_at, ...(history ?? [])]).toEqual(Array(6).fill(created_at))
    expect(timings_ms).toMatchObject({ queued: 0, total: 0 })
  })
})

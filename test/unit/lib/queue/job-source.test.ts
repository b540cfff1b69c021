import { describe, expect, it } from "vitest"
import { decodeClaimed, decodeJob, encodeJob, type Job } from "../../../../src/lib/queue/job.ts"
import type { JobSource } from "../../../../src/lib/queue/job-source.ts"

const URL = "https://a.example/cat.jpg"

/** A claimed job's record, as it lies in Redis. */
function recordWith(source: object | undefined): string {
  const input = { ticketId: "cls_a", operation: { name: "inspect" }, fingerprint: "", ...(source && { source }) }
  const base = {
    id: "a",
    state: "processing",
    queue: "@inspect",
    caller: "key:a",
    bytes: 0,
    start: "0",
    maxAttempts: 3,
  }
  const leased = { leaseToken: "t", worker: "w", startedMs: 0, createdMs: 0, deadlineMs: 1, attempts: 1 }
  return JSON.stringify({ ...base, ...leased, input: JSON.stringify(input) })
}
const read = (source: object | undefined) => decodeJob(recordWith(source)).input.source

describe("the source of a job", () => {
  it("is its payload in a record that names none", () => {
    expect(read(undefined)).toEqual({ kind: "payload" })
  })

  it("is a URL in a record of a release that wrote no kinds", () => {
    expect(read({ url: URL })).toEqual({ kind: "url", url: URL })
  })

  it("is written so that a release without kinds reads it: none for a payload, a URL with its URL", () => {
    const written = (source: JobSource) => {
      const job = { input: { ticketId: "cls_a", operation: { name: "inspect" }, fingerprint: "", source } } as Job
      return JSON.parse(JSON.parse(encodeJob(job)).input).source
    }
    expect(written({ kind: "payload" })).toBeUndefined()
    expect(written({ kind: "url", url: URL })).toEqual({ kind: "url", url: URL })
  })

  it("keeps what a newer release has written in it", () => {
    const newer = { kind: "url", url: URL, region: "eu" }
    expect(read(newer)).toEqual(newer)
  })

  it("of a kind that is not known here goes through, and no classifier works on it", () => {
    const newer = { kind: "bucket", key: "cat.jpg" }
    expect(read(newer)).toEqual(newer)
    expect(decodeClaimed(recordWith(newer))).toEqual({ unreadable: "this classifier does not know the source bucket" })
  })

  it("that is damaged makes the record unreadable", () => {
    expect(() => read({ kind: "url" })).toThrow(expect.objectContaining({ code: "job_unreadable" }))
    expect(decodeClaimed(recordWith({ kind: "url" }))).toMatchObject({
      unreadable: expect.stringContaining("input.source.url"),
    })
  })
})

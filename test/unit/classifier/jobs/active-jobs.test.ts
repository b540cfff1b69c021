import { describe, expect, it, vi } from "vitest"
import { ActiveJobs, JobStopped } from "../../../../src/classifier/jobs/active-jobs.ts"
import type { ClaimedJob } from "../../../../src/lib/queue/job.ts"

const claim = (leaseToken: string) => ({ id: "a", leaseToken, attempts: 1, maxAttempts: 3 }) as ClaimedJob

/** Work that lasts until it is told to end, whatever its signal says. */
function fakeWork() {
  let end: () => void = () => undefined
  const promise = new Promise<void>((resolve) => {
    end = resolve
  })
  const work = vi.fn((_signal: AbortSignal) => promise)
  return { work, end: () => end(), reason: () => work.mock.calls[0]?.[0].reason as unknown }
}

describe("ActiveJobs.start()", () => {
  it("leaves a claim that comes twice to who works on it", async () => {
    const active = new ActiveJobs(() => undefined)
    const [first, second] = [fakeWork(), fakeWork()]
    active.start(claim("one"), first.work)
    active.start(claim("one"), second.work)
    expect(first.reason()).toBeUndefined()
    first.end()
    await active.drained()
    expect(second.work).not.toHaveBeenCalled()
  })

  it("stops what is held under a lost lease, and begins the new claim when that has settled", async () => {
    const changed = vi.fn()
    const active = new ActiveJobs(changed)
    const [first, second] = [fakeWork(), fakeWork()]
    active.start(claim("one"), first.work)
    active.start(claim("two"), second.work)
    expect(first.reason()).toEqual(new JobStopped("lease_lost"))
    expect(active.size).toBe(1)
    expect(active.leasesOlderThan(0)).toEqual([{ jobId: "a", token: "two" }])
    await new Promise((resolve) => setTimeout(resolve))
    expect(second.work).not.toHaveBeenCalled()

    first.end()
    await vi.waitFor(() => expect(second.work).toHaveBeenCalledOnce())
    expect(active.size).toBe(1)
    active.stop("a", "canceled")
    expect(second.reason()).toEqual(new JobStopped("canceled"))
    second.end()
    await active.drained()
    expect(active.size).toBe(0)
    expect(changed).toHaveBeenCalledTimes(2)
  })

  it("begins the last of several claims only, and none that was stopped while it waited", async () => {
    const active = new ActiveJobs(() => undefined)
    const works = [fakeWork(), fakeWork(), fakeWork()]
    for (const [i, { work }] of works.entries()) active.start(claim(`${i}`), work)
    works[0]?.end()
    await vi.waitFor(() => expect(works[2]?.work).toHaveBeenCalledOnce())
    expect(works[1]?.work).not.toHaveBeenCalled()

    const late = fakeWork()
    active.start(claim("late"), late.work)
    active.stop("a", "canceled")
    works[2]?.end()
    await active.drained()
    expect(late.work).not.toHaveBeenCalled()
  })
})

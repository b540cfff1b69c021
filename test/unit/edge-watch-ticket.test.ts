import { beforeEach, describe, expect, it } from "vitest"
import type { Services } from "../../src/edge/services.ts"
import { waitForJob } from "../../src/edge/watch-ticket.ts"
import type { ClaimedJob, Job } from "../../src/lib/job.ts"

const image = { format: "jpeg", width: 100, height: 100, bytes: 9, sha256: "", orientation: 1 }
const waiting: Job = {
  id: "j",
  model: "m",
  queue: "m",
  caller: "c",
  payloadId: "p",
  bytes: 9,
  createdMs: 0,
  deadlineMs: 3_600_000,
  attempts: 0,
  maxAttempts: 3,
  start: "0",
  input: { ticketId: "cls_j", operation: { name: "classify", topK: 5 }, image, fingerprint: "" },
  state: "queued",
}
const claimed: ClaimedJob = {
  ...waiting,
  state: "processing",
  startedMs: 0,
  ahead: 2,
  attempts: 1,
  leaseToken: "t",
  worker: "w",
}
const canceled: Job = { ...waiting, state: "canceled", finishedMs: 1 }

let nowMs: number
let position: number
let doneMs: number
let looks: number[]
let services: Services

beforeEach(() => {
  nowMs = 0
  position = 0
  doneMs = Number.POSITIVE_INFINITY
  looks = []
  services = {
    now: () => nowMs,
    async sleep(ms: number) {
      nowMs += ms
    },
    registry: { rate: async () => ({ classifiers: 1, perSecond: 10, jobMs: 200 }) },
    store: {
      position: async () => position,
      async read() {
        looks.push(nowMs)
        return nowMs >= doneMs ? canceled : claimed
      },
    },
  } as unknown as Services
})

describe("waitForJob()", () => {
  it("looks a little before the answer is due, and again after a share of the time", async () => {
    doneMs = 410
    expect((await waitForJob(services, claimed, 1_000)).state).toBe("canceled")
    expect(looks).toEqual([380, 412])
  })

  it("does not begin a wait that the queue is too long for", async () => {
    position = 100
    expect(await waitForJob(services, waiting, 1_000)).toBe(waiting)
    expect(nowMs).toBe(0)
  })

  it("waits to the end when the answer may come in time", async () => {
    position = 9
    expect((await waitForJob(services, waiting, 1_000)).state).toBe("processing")
    expect(nowMs).toBe(1_000)
  })
})

import { beforeEach, describe, expect, it } from "vitest"
import type { Services } from "../../../../src/edge/services.ts"
import { OverdueWakes } from "../../../../src/edge/tickets/overdue-wakes.ts"
import { waitForJob } from "../../../../src/edge/tickets/watch-ticket.ts"
import type { ClaimedJob, Job } from "../../../../src/lib/queue/job.ts"

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
  input: {
    ticketId: "cls_j",
    operation: { name: "classify", topK: 5 },
    source: { kind: "payload" },
    image,
    fingerprint: "",
  },
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
let commands: number
let services: Services

beforeEach(() => {
  nowMs = 0
  position = 0
  doneMs = Number.POSITIVE_INFINITY
  looks = []
  commands = 0
  services = {
    now: () => nowMs,
    async sleep(ms: number) {
      nowMs += ms
    },
    overdueWakes: new OverdueWakes(() => nowMs),
    registry: { rate: async () => ({ classifiers: 1, perSecond: 10, jobMs: 200 }), pauseOf: async () => null },
    store: {
      async position() {
        commands++
        return position
      },
      async wakeClassifiers() {
        commands++
      },
      async read() {
        commands++
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

  it("costs few commands however long the queue stands still", async () => {
    services.store.read = async () => {
      commands++
      return waiting
    }
    await waitForJob(services, waiting, 30_000)
    expect(nowMs).toBe(30_000)
    expect(commands).toBeLessThanOrEqual(32)
  })

  it("costs few commands when a lane takes a thousand times as long as it should", async () => {
    await waitForJob(services, claimed, 30_000)
    expect(commands).toBeLessThanOrEqual(32)
  })

  it("costs a bounded number of commands where the queue moves a little before every look", async () => {
    position = 100_000
    services.registry.rate = async () => ({ classifiers: 1, perSecond: 1e9, jobMs: 1 })
    services.store.position = async () => {
      commands++
      return position--
    }
    services.store.read = async () => {
      commands++
      return waiting
    }
    await waitForJob(services, waiting, 30_000)
    expect(commands).toBeLessThanOrEqual(80)
  })

  it("adds a tenth to the wait at most where a job takes up to twice as long as it should", async () => {
    const first: ClaimedJob = { ...claimed, ahead: 0 }
    services.store.read = async () => (nowMs >= doneMs ? canceled : first)
    for (doneMs = 190; doneMs <= 400; doneMs += 7) {
      nowMs = 0
      await waitForJob(services, first, 30_000)
      expect(nowMs - doneMs, `done at ${doneMs}`).toBeLessThanOrEqual(Math.max(10, doneMs / 10))
    }
  })
})

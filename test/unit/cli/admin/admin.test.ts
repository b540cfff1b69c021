import { PassThrough } from "node:stream"
import { describe, expect, test } from "vitest"
import { allDeadIds, dropDead, findWork, retryDead } from "../../../../src/cli/admin/dead-letters.ts"
import { parseJobId } from "../../../../src/cli/admin/job-ids.ts"
import { createLiveText } from "../../../../src/cli/admin/live-text.ts"
import { renderDead, renderDeadList } from "../../../../src/cli/admin/render-dead.ts"
import { type Queue, queueSchema, renderQueue } from "../../../../src/cli/admin/render-queue.ts"
import { confirm } from "../../../../src/cli/terminal/confirm.ts"
import { plain } from "../../../../src/cli/terminal/terminal.ts"
import { renderTicket } from "../../../../src/cli/ticket/render-ticket.ts"
import type { TicketData } from "../../../../src/lib/client/claimcheck.ts"
import type { Job } from "../../../../src/lib/queue/job.ts"
import type { DeadLetter } from "../../../../src/lib/queue/operator.ts"

const ID = "7z3k0v5c8mq2x9r4t6w1y8a0bd"
const NOW_MS = Date.parse("2026-01-02T00:00:00.000Z")
const signal = new AbortController().signal

const IMAGE = { format: "jpeg", width: 4, height: 2, bytes: 12_345, sha256: "ab12", orientation: 1 }

const job: Job = {
  id: ID,
  state: "failed",
  model: "m",
  queue: "m",
  caller: "key:alice",
  payloadId: "p",
  bytes: 12_345,
  createdMs: NOW_MS - 3_600_000,
  startedMs: NOW_MS - 3_000_000,
  finishedMs: NOW_MS - 60_000,
  deadlineMs: NOW_MS,
  attempts: 3,
  maxAttempts: 3,
  start: "0",
  worker: "box-1",
  error: { code: "attempts_exhausted", message: "Given up after 3 attempts: the process died" },
  input: {
    ticketId: `cls_${ID}signature`,
    operation: { name: "classify", topK: 5 },
    source: { kind: "payload" },
    image: IMAGE,
    fingerprint: "f",
  },
}
const letter: DeadLetter = { id: ID, diedMs: NOW_MS - 60_000, job }

describe("parseJobId()", () => {
  test("takes a job's id, and finds it in a ticket's", () => {
    expect([parseJobId(ID), parseJobId(`cls_${ID}0123456789abcdef`)]).toEqual([ID, ID])
  })

  test.each(["", "cls_", "7z3k", ID.toUpperCase(), `${ID}0`])("refuses %j", (text) => {
    expect(() => parseJobId(text)).toThrow("expected the id of a job")
  })
})

describe("dead letters", () => {
  /** Pages over ids, the latest first, as Redis would. */
  const operatorOf = (ids: string[], arrivals: string[] = []) => ({
    listDead: async ({ offset = 0, count = 100 } = {}) => {
      const page = ids.slice(offset, offset + count).map((id) => ({ id, diedMs: 0, job: null }))
      ids.unshift(...arrivals.splice(0))
      return page
    },
  })
  const names = (count: number) => Array.from({ length: count }, (_value, i) => `job-${i}`)

  test("allDeadIds() gives each once, though one dies between two pages", async () => {
    expect(await allDeadIds(operatorOf(names(250), ["late"]))).toEqual(names(250))
    expect(await allDeadIds(operatorOf(names(200)))).toEqual(names(200))
    expect(await allDeadIds(operatorOf([]))).toEqual([])
  })

  test("findWork() gives the job whose work a ticket shares", async () => {
    const store = { read: async (id: string) => (id === "follower" ? { ...job, leader: ID } : null) }
    expect(await findWork({ store: store as never }, ["follower", ID, "gone"])).toEqual([ID, "gone"])
  })

  test("retryDead() begins with the oldest and says what became of each", async () => {
    const asked: string[] = []
    const operator = {
      async retryDead(id: string, times: { nowMs: number; deadlineMs: number }) {
        asked.push(`${id} ${times.deadlineMs}`)
        return id === "b" ? ("missing" as const) : id === "c" ? ("payload_missing" as const) : ("queued" as const)
      },
    }
    expect(await retryDead(operator, ["a", "b", "c"], { nowMs: 1, deadlineMs: 9 })).toEqual({
      queued: ["a"],
      missing: ["b"],
      payloadMissing: ["c"],
    })
    expect(asked).toEqual(["c 9", "b 9", "a 9"])
  })

  test("dropDead() tells what was not there", async () => {
    const operator = { dropDead: async (id: string) => id === "a" }
    expect(await dropDead(operator, ["a", "b"])).toEqual({ dropped: ["a"], missing: ["b"] })
  })

  test("are listed in a line each, and shown whole", () => {
    const view = { paint: plain, nowMs: NOW_MS }
    const expired: DeadLetter = { id: "other", diedMs: NOW_MS, job: null }
    expect(renderDeadList([letter, expired], view).split("\n")).toEqual([
      "job                              died  queue    image  caller     reason",
      `${ID}  1 min ago  m      12.3 kB  key:alice  the process died`,
      "other                        0 ms ago                             its record has expired",
    ])
    const shown = renderDead(letter, view)
    expect(shown).toContain("attempts     3 of 3")
    expect(shown).toContain("last worker  box-1")
    expect(shown).toContain("died         2026-01-01T23:59:00.000Z  1 min ago")
    expect(renderDead(expired, view)).toContain("its record has expired")
  })
})

describe("confirm()", () => {
  function terminal(isTTY: boolean) {
    const input = Object.assign(new PassThrough(), { isTTY }) as unknown as NodeJS.ReadStream & PassThrough
    const output = Object.assign(new PassThrough(), { isTTY, hasColors: () => false, columns: 80 })
    return { input, output: output as unknown as NodeJS.WriteStream, asked: () => String(output.read()) }
  }

  test.each(["y", "YES", " yes "])("goes on after %j", async (answer) => {
    const tty = terminal(true)
    tty.input.write(`${answer}\n`)
    await confirm("Drop 2 dead letters.", { yes: false, signal }, tty)
    expect(tty.asked()).toContain("Drop 2 dead letters. [y/N] ")
  })

  test.each(["", "n", "yesterday"])("changes nothing after %j", async (answer) => {
    const tty = terminal(true)
    tty.input.write(`${answer}\n`)
    await expect(confirm("Drop it.", { yes: false, signal }, tty)).rejects.toThrow("Nothing was changed")
  })

  test("needs --yes where nobody can be asked, and then does not ask", async () => {
    await expect(confirm("Drop it.", { yes: false, signal }, terminal(false))).rejects.toThrow("add --yes")
    await confirm("Drop it.", { yes: true, signal }, terminal(false))
  })

  test("ends with the signal", async () => {
    const controller = new AbortController()
    const asking = confirm("Drop it.", { yes: false, signal: controller.signal }, terminal(true))
    controller.abort()
    await expect(asking).rejects.toThrow(/abort/i)
  })
})

describe("renderQueue()", () => {
  const model = {
    id: "m",
    depth: 1_200,
    oldest_age_ms: 65_000,
    classifiers: 2,
    per_second: 20,
    eta_ms: 60_100,
    paused: false,
    concurrency: null,
  }
  const queue: Queue = {
    depth: 1_200,
    bytes: 5_000_000,
    processing: 4,
    dead: 1,
    paused: false,
    classifiers: 2,
    models: [model],
    others: [],
  }

  test("says how it stands, and how each model does", () => {
    expect(renderQueue(queue, plain).split("\n")).toEqual([
      "1,200 waiting (5.0 MB) · 4 in work · 1 dead · 2 classifiers",
      "",
      "queue  waiting     oldest  classifiers    rate  a new one takes",
      "m        1,200  1 min 5 s            2  20.0/s            1 min",
    ])
  })

  test("says which jobs wait for nobody, and what can be done, while others are served", () => {
    const old = { ...model, id: "old", depth: 1, classifiers: 0 }
    const text = renderQueue({ ...queue, models: [model, old, { ...old, id: "idle", depth: 0 }] }, plain)
    const advice = "claimcheck queue move old TO, or claimcheck queue drop old"
    expect(text.split("\n").slice(-2)).toEqual(["", `nobody serves old: 1 job waits; ${advice}`])
    expect(renderQueue({ ...queue, classifiers: 0, models: [old] }, plain)).toMatch(/nobody serves old: 1 job waits$/)
  })

  test("says which models are paused and limited, each once, and promises nothing of those that are paused", () => {
    const held = { ...model, paused: true, concurrency: 1 }
    const lines = renderQueue({ ...queue, models: [held], others: [{ ...held, id: "m@url" }] }, plain).split("\n")
    expect(lines.slice(3)).toEqual([
      expect.stringMatching(/^m .*20\.0\/s +–$/),
      expect.stringMatching(/^m@url .*–$/),
      "",
      "paused m; claimcheck resume --model m",
      "limited m: 1 job at once",
    ])
    const { paused: _paused, concurrency: _concurrency, ...older } = model
    expect(queueSchema.parse({ ...queue, models: [older] }).models).toEqual([model])
  })

  test("promises nothing while it is paused or nobody works", () => {
    const idle = { ...model, depth: 0, oldest_age_ms: null, classifiers: 0, per_second: 0, eta_ms: null }
    const text = renderQueue(
      { ...queue, depth: 0, bytes: 0, dead: 0, paused: true, classifiers: 0, models: [idle] },
      plain,
    )
    expect(text).toContain("0 waiting · 4 in work · 0 dead · no classifier · paused")
    expect(text).toMatch(/m +0 +– +0 +– +–$/)
    expect(renderQueue({ ...queue, paused: true }, plain)).toMatch(/20\.0\/s +–$/)
    expect(renderQueue({ ...queue, models: [] }, plain)).toContain("No classifier has served a model yet.")
  })
})

test("createLiveText() draws over what it drew, and gives the cursor back", () => {
  const stream = Object.assign(new PassThrough(), { rows: 4 })
  const live = createLiveText(stream as unknown as NodeJS.WriteStream)
  live.draw("a\nb\nc\nd\ne")
  live.draw("x")
  live.close()
  expect(String(stream.read())).toBe(
    "\x1b[?25l\ra\x1b[K\n\rb\x1b[K\n\rc\x1b[K\n\x1b[J\x1b[3A\rx\x1b[K\n\x1b[J\x1b[?25h",
  )
})

describe("renderTicket()", () => {
  const view = { paint: plain, nowMs: NOW_MS }
  const ticket: TicketData = {
    id: "cls_1",
    status: "queued",
    done: false,
    operation: "classify",
    model: { id: "m" },
    created_at: "2026-01-01T23:59:48.000Z",
    attempts: 0,
    image: IMAGE,
    queue: { position: 12, eta_ms: 3_100, classifiers: 1 },
  }

  test("says where a job stands", () => {
    expect(renderTicket(ticket, view).split("\n")).toEqual([
      "cls_1  queued",
      "  place     12 before it",
      "  answer    in about 3.1 s",
      "  model     m",
      "  created   12 s ago",
    ])
  })

  test("says why a job failed", () => {
    const error = { code: "invalid_image", message: "The image is damaged" }
    const text = renderTicket({ ...ticket, status: "failed", done: true, attempts: 2, error }, view)
    expect(text).toContain("reason    The image is damaged (invalid_image)")
    expect(text).toContain("attempts  2")
  })
})

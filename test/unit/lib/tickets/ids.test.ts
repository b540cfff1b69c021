import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { encodeBase32 } from "../../../../src/lib/base32.ts"
import { equalInConstantTime } from "../../../../src/lib/equal-in-constant-time.ts"
import { isJobId, jobIdForIdempotencyKey, newJobId } from "../../../../src/lib/queue/job-id.ts"
import { createBatchTicketIds, createTicketIds } from "../../../../src/lib/tickets/ticket-id.ts"

const MAX_MS = 2 ** 48 - 1

describe("newJobId()", () => {
  it("makes ids of 26 characters that survive being read aloud", () => {
    fc.assert(
      fc.property(fc.nat(MAX_MS), (nowMs) => {
        const id = newJobId(nowMs)
        expect(id).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/)
        expect(isJobId(id)).toBe(true)
      }),
    )
  })

  it("sorts as time goes", () => {
    fc.assert(
      fc.property(fc.nat(MAX_MS), fc.nat(MAX_MS), (a, b) => {
        fc.pre(a !== b)
        expect(newJobId(a) < newJobId(b)).toBe(a < b)
      }),
    )
  })

  it("makes no id twice in one millisecond", () => {
    expect(new Set(Array.from({ length: 10_000 }, () => newJobId(1_800_000_000_000))).size).toBe(10_000)
  })
})

describe("isJobId()", () => {
  it("refuses what is no id", () => {
    const id = newJobId(0)
    for (const text of ["", id.slice(1), `${id}0`, id.replace("0", "u"), id.replace("0", "I"), " ".repeat(26)]) {
      expect(isJobId(text), text).toBe(false)
    }
  })
})

describe("jobIdForIdempotencyKey()", () => {
  it("is the same for the same caller and key, and another for any other pair", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), fc.string(), async (caller, key, other) => {
        const id = await jobIdForIdempotencyKey(caller, key)
        expect(isJobId(id)).toBe(true)
        expect(await jobIdForIdempotencyKey(caller, key)).toBe(id)
        if (other !== key) expect(await jobIdForIdempotencyKey(caller, other)).not.toBe(id)
        if (other !== caller) expect(await jobIdForIdempotencyKey(other, key)).not.toBe(id)
      }),
    )
  })
})

describe("encodeBase32()", () => {
  it("writes five bits a character, the most significant first", () => {
    expect(encodeBase32(Uint8Array.of(0xff, 0, 0, 0, 0))).toBe("zw000000")
    expect(encodeBase32(Uint8Array.of(0, 0, 0, 0, 0x1f))).toBe("0000000z")
    expect(encodeBase32(Uint8Array.of(0xff))).toBe("z")
  })

  it("tells different bytes apart", () => {
    const tenBytes = fc.uint8Array({ minLength: 10, maxLength: 10 })
    fc.assert(
      fc.property(tenBytes, tenBytes, (a, b) => {
        expect(encodeBase32(a) === encodeBase32(b)).toBe(a.join() === b.join())
      }),
    )
  })
})

describe("createTicketIds()", () => {
  const ids = createTicketIds(["a secret of sixteen", "an older secret of ours"])

  it("gives back the job of a ticket that it signed", async () => {
    const jobId = newJobId(1_800_000_000_000)
    const ticket = await ids.sign(jobId)
    expect(ticket).toMatch(/^cls_[0-9a-z]{42}$/)
    expect(await ids.verify(ticket)).toBe(jobId)
  })

  it("refuses a ticket with any character changed", async () => {
    const ticket = await ids.sign(newJobId(1_800_000_000_000))
    for (let at = 0; at < ticket.length; at++) {
      const changed = ticket.slice(0, at) + (ticket[at] === "0" ? "1" : "0") + ticket.slice(at + 1)
      expect(await ids.verify(changed), changed).toBeNull()
    }
  })

  it("refuses any text that nobody signed", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 60 }), async (text) => {
        expect(await ids.verify(text)).toBeNull()
        expect(await ids.verify(`cls_${text}`)).toBeNull()
      }),
    )
  })

  it("knows tickets of the secret before, and signs with the new one", async () => {
    const jobId = newJobId(1)
    const old = createTicketIds(["an older secret of ours"])
    expect(await ids.verify(await old.sign(jobId))).toBe(jobId)
    expect(await old.verify(await ids.sign(jobId))).toBeNull()
    expect(await createTicketIds(["a stranger's secret"]).verify(await ids.sign(jobId))).toBeNull()
  })

  it("throws without a secret", () => {
    expect(() => createTicketIds([])).toThrow("no secret given")
  })
})

describe("equalInConstantTime()", () => {
  it("says what === says", () => {
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => equalInConstantTime(a, b) === (a === b)))
    fc.assert(fc.property(fc.string(), (a) => equalInConstantTime(a, `${a}`)))
  })
})

describe("createBatchTicketIds()", () => {
  const secrets = ["a-secret-of-16-characters", "an-older-secret-of-the-same"]
  const id = "01jd3x8k0v7m5q2r9t4w6y1z3b"

  it("signs batches apart from jobs: neither kind passes for the other", async () => {
    const [jobs, batches] = [createTicketIds(secrets), createBatchTicketIds(secrets)]
    const ticket = await batches.sign(id)
    expect(ticket).toMatch(/^bat_/)
    expect(await batches.verify(ticket)).toBe(id)
    expect(await jobs.verify(ticket.replace("bat_", "cls_"))).toBeNull()
    expect(await batches.verify((await jobs.sign(id)).replace("cls_", "bat_"))).toBeNull()
    const all = await batches.signAll(id)
    expect(all[0]).toBe(ticket)
    for (const signed of all) expect(await batches.verify(signed)).toBe(id)
  })
})

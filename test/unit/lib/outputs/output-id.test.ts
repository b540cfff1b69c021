import { describe, expect, test } from "vitest"
import { outputIdOf, verifyOutputId } from "../../../../src/lib/outputs/output-id.ts"
import { createTicketIds } from "../../../../src/lib/tickets/ticket-id.ts"

const JOB = "01jd3x8k0v7m5q2r9t4w6y1z3b"
const old = createTicketIds(["an older secret of ours"])
const now = createTicketIds(["the secret of today", "an older secret of ours"])

describe("an output's id", () => {
  test("names its job to who has the secret, and to one who has had it since", async () => {
    for (const ids of [old, now])
      expect(await verifyOutputId(await outputIdOf(JOB, await ids.sign(JOB)), [now])).toBe(JOB)
  })

  test("of a batch's picture names that picture's job, and no other picture's", async () => {
    const id = await outputIdOf(`${JOB}-17`, `${await now.sign(JOB)}/17`)
    expect(await verifyOutputId(id, [old, now])).toBe(`${JOB}-17`)
    for (const other of [
      id.replace("-17", "-18"),
      id.replace("-17", ""),
      id.replace("-17", "-017"),
      id.replace("-17", "-"),
    ]) {
      expect(await verifyOutputId(other, [old, now]), other).toBeNull()
    }
  })

  test("is nobody's who has another secret, and holds no part of the ticket's proof", async () => {
    const ticket = await now.sign(JOB)
    const id = await outputIdOf(JOB, ticket)
    expect(await verifyOutputId(id, [createTicketIds(["somebody else's secret"])])).toBeNull()
    expect(await verifyOutputId(ticket.replace("cls_", "out_"), [now])).toBeNull()
    expect(id.slice(-16)).not.toBe(ticket.slice(-16))
  })
})

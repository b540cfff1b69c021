import { expect, test } from "vitest"
import { type Ticket, ticketETag } from "../../../../src/lib/tickets/ticket.ts"

test("ticketETag() changes with the reason to wait, which a 304 would hide, and not with the place", () => {
  const tagOf = (queue: Partial<Ticket["queue"]>) =>
    ticketETag({
      ...{ id: "cls_1", status: "queued", done: false, operation: "classify", created_at: "", attempts: 0 },
      queue: { position: 0, eta_ms: null, classifiers: 0, ...queue },
    })
  const tags = [tagOf({}), tagOf({ notice: 'Paused: "é"' }), tagOf({ notice: "Unserved" })]
  expect(new Set(tags).size).toBe(3)
  // RFC 9110, 8.8.3.
  for (const tag of tags) expect(tag).toMatch(/^W\/"[\x21\x23-\x7e]*"$/)
  expect(tagOf({ position: 7, eta_ms: 3 })).toBe(tags[0])
})
